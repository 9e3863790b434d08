//go:build linux

package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestAStartWaitsForAProgramThatIsOpenForWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		free := begun.Add(busyTimeout / 2)
		if err := retryBusy(t.Context(), func() error {
			if time.Now().Before(free) {
				return &os.PathError{Op: "fork/exec", Path: "x", Err: syscall.ETXTBSY}
			}
			return nil
		}); err != nil {
			t.Errorf("the error is %v", err)
		}
		busy := func() error { return syscall.ETXTBSY }
		begun = time.Now()
		if err := retryBusy(t.Context(), busy); err != syscall.ETXTBSY || time.Since(begun) < busyTimeout || time.Since(begun) > 2*busyTimeout {
			t.Errorf("after %v, the error is %v", time.Since(begun), err)
		}
		boom := errors.New("boom")
		ctx, cancel := context.WithTimeoutCause(t.Context(), busyTimeout/4, boom)
		defer cancel()
		begun = time.Now()
		if err := retryBusy(ctx, busy); err != boom || time.Since(begun) != busyTimeout/4 {
			t.Errorf("after %v, the error is %v", time.Since(begun), err)
		}
		begun = time.Now()
		if err := retryBusy(t.Context(), func() error { return syscall.ENOENT }); err != syscall.ENOENT || time.Since(begun) > 0 {
			t.Errorf("after %v, the error is %v", time.Since(begun), err)
		}
	})
}

// The file is closed after the first attempt.
func TestAProgramStartsWhenItIsNoLongerOpenForWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("#!/bin/sh\nexit 7\n"); err != nil {
		t.Fatal(err)
	}
	_, err = Command{Path: path}.Start(t.Context())
	if !errors.Is(err, syscall.ETXTBSY) || !strings.HasSuffix(err.Error(), "text file busy: file open for writing") {
		t.Fatalf("the error is %v", err)
	}
	command, attempts := Command{Path: path}, 0
	var started *exec.Cmd
	err = retryBusy(t.Context(), func() error {
		if attempts++; attempts == 2 {
			file.Close()
		}
		started, err = command.tryStart(t.Context(), command.exec())
		return err
	})
	if err != nil {
		t.Fatalf("the error is %v", err)
	}
	if state, err := started.Process.Wait(); err != nil || state.ExitCode() != 7 {
		t.Error(state, err)
	}
}
