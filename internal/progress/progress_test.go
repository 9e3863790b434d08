package progress_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

func TestSilentWorkIsReportedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := progress.New(&out)
		failure := errors.New("failed")
		var status atomic.Value
		status.Store("loading")
		log.Print("begin\n")
		err := log.While(func() string { return status.Load().(string) }, func() error {
			time.Sleep(21 * time.Second)
			status.Store("compiling")
			time.Sleep(44 * time.Second)
			return failure
		})
		if err != failure {
			t.Errorf("error %v, want %v", err, failure)
		}
		time.Sleep(time.Minute)
		log.Printf("%s", "end")
		want := "begin\n[10s] loading\n[20s] loading\n[30s] compiling\n[40s] compiling\n[50s] compiling\n[1m00s] compiling\nend\n"
		if out.String() != want {
			t.Errorf("written:\n%s\nwant:\n%s", &out, want)
		}
	})
}

func TestWorkThatWritesLinesIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		log := progress.New(&out)
		err := log.While(func() string { return "silent" }, func() error {
			for range 8 {
				time.Sleep(progress.Quiet * 3 / 4)
				log.Print("line")
			}
			time.Sleep(progress.Quiet + time.Second)
			return nil
		})
		if want := strings.Repeat("line\n", 8) + "[1m10s] silent\n"; out.String() != want || err != nil {
			t.Errorf("%v, written:\n%s\nwant:\n%s", err, &out, want)
		}
	})
}

func TestATimeIsShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                        "0.0s",
		1234 * time.Millisecond:  "1.2s",
		59900 * time.Millisecond: "59s",
		125 * time.Second:        "2m05s",
		time.Hour + time.Second:  "60m01s",
	} {
		if got := progress.Elapsed(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
