package patience_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
)

// failing records the failure of a test.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper()             {}
func (f *failing) Logf(string, ...any) {}
func (f *failing) Errorf(format string, args ...any) {
	f.text = fmt.Sprintf(format, args...)
}
func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func TestUntilEndsWhenTheConditionHoldsOrAtItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		patience.Until(t, "a minute", func() bool { return time.Since(begin) >= time.Minute })
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("took %v, want a minute", took)
		}
		f := &failing{TB: t}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			patience.Until(f, "a miracle", func() bool { return false })
		}()
		<-ended
		if want := "not within 5m0s: a miracle"; f.text != want {
			t.Errorf("failure %q, want %q", f.text, want)
		}
	})
}

func TestScaleRepeatsWithALongerLimit(t *testing.T) {
	var limits []time.Duration
	try := func(enough time.Duration) func(time.Duration) error {
		limits = nil
		return func(limit time.Duration) error {
			limits = append(limits, limit)
			if limit < enough {
				return errors.New("too busy")
			}
			return nil
		}
	}
	patience.Scale(t, time.Second, try(10*time.Second))
	if got, want := fmt.Sprint(limits), "[1s 4s 16s]"; got != want {
		t.Errorf("limits %v, want %v", got, want)
	}
	f := &failing{TB: t}
	patience.Scale(f, time.Second, try(time.Hour))
	if got, want := fmt.Sprint(limits), "[1s 4s 16s 1m4s]"; got != want || f.text != "with a limit of 1m4s: too busy" {
		t.Errorf("limits %v, failure %q, want %v", got, f.text, want)
	}
	patience.Scale(f, 0, try(time.Hour))
	if got, want := fmt.Sprint(limits), "[0s]"; got != want || f.text != "with a limit of 0s: too busy" {
		t.Errorf("limits %v, failure %q, want %v", got, f.text, want)
	}
}
