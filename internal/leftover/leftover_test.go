//go:build unix

package leftover_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/internal/leftover"
)

// holdVariable makes the test binary a program that holds a directory until it is
// killed. Its value is the parent of the directory.
const holdVariable = "LEFTOVER_TEST_HOLD"

func TestMain(m *testing.M) {
	if parent := os.Getenv(holdVariable); parent != "" {
		d, err := leftover.MkdirTemp(parent, "x-*")
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(d.Path())
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func sweep(t *testing.T, parent string) []string {
	t.Helper()
	removed, err := leftover.Sweep(parent, "x-*")
	if err != nil {
		t.Error(err)
	}
	return removed
}

func TestSweepRemovesTheDirectoryOfAKilledProgramOnly(t *testing.T) {
	parent := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	holder := exec.Command(exe)
	holder.Env = append(os.Environ(), holdVariable+"="+parent)
	if _, err := holder.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	path := line[:len(line)-1]
	if err := os.WriteFile(filepath.Join(path, "file"), []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}

	if removed := sweep(t, parent); len(removed) > 0 {
		t.Errorf("%v removed while its program runs", removed)
	}
	if _, err := leftover.Take(path); !errors.Is(err, leftover.ErrHeld) {
		t.Errorf("the error is %v", err)
	}
	_ = holder.Process.Kill()
	_ = holder.Wait()
	if removed := sweep(t, parent); !slices.Equal(removed, []string{path}) {
		t.Errorf("%v removed, want %s", removed, path)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the directory still exists: %v", err)
	}
}

func TestSweepRemovesNothingElse(t *testing.T) {
	parent, elsewhere := t.TempDir(), t.TempDir()
	other, err := leftover.MkdirTemp(parent, "y-*") // another name
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Release(); err != nil {
		t.Fatal(err)
	}
	outside, err := leftover.MkdirTemp(elsewhere, "x-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := outside.Release(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Mkdir(filepath.Join(parent, "x-no-lock"), 0o700),
		os.WriteFile(filepath.Join(parent, "x-file"), nil, 0o600),
		os.Symlink(outside.Path(), filepath.Join(parent, "x-link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if removed := sweep(t, parent); len(removed) > 0 {
		t.Errorf("%v removed", removed)
	}
	if _, err := os.Stat(outside.Path()); err != nil {
		t.Error(err)
	}
	if removed := sweep(t, filepath.Join(parent, "none")); len(removed) > 0 {
		t.Errorf("%v removed", removed)
	}
}

// Several programs create and sweep concurrently.
func TestSweepKeepsHeldDirectories(t *testing.T) {
	parent := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				d, err := leftover.MkdirTemp(parent, "x-*")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := leftover.Sweep(parent, "x-*"); err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(filepath.Join(d.Path(), "file"), nil, 0o600); err != nil {
					t.Errorf("held directory removed: %v", err)
				}
				if err := d.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if left := sweep(t, parent); len(left) > 0 {
		t.Errorf("directories left: %v", left)
	}
}
