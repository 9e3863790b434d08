package foreign_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/foreign"
)

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

type leaver struct{}

func (leaver) String() string { runtime.Goexit(); return "" }

func TestCallSaysHowACallEnded(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func()
		want string
	}{
		{"return", func() {}, ""},
		{"panic", func() { panic("boom") }, "panic: boom"},
		{"panic(nil)", func() { panic(nil) }, "panic: panic called with nil argument"},
		{"Goexit", runtime.Goexit, "runtime.Goexit called"},
		{"panic with a value that cannot be written", func() { panic(leaver{}) }, "panic: foreign_test.leaver"},
		{"panic with a nil error", func() { panic((*pointer)(nil)) }, "panic: <nil>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if failure := foreign.Call(tt.f); failure != nil {
				got = failure.String()
				if panicked := strings.HasPrefix(got, "panic"); panicked != strings.Contains(failure.Stack, "foreign_test.go") {
					t.Errorf("the stack is %q", failure.Stack)
				}
			}
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestErrorTextSurvivesAPanic(t *testing.T) {
	if got := foreign.ErrorText(errors.New("boom")); got != "boom" {
		t.Error(got)
	}
	got := foreign.ErrorText((*pointer)(nil))
	if !strings.HasPrefix(got, "error of type nil *foreign_test.pointer, whose Error method panics: runtime error: invalid memory address") {
		t.Error(got)
	}
}
