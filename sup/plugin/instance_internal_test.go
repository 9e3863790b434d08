package plugin

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup/proc"
)

func TestAProcessThatExitsBeforeItIsKilledEndedByItself(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // a killed process has an exit code there
	}
	for _, test := range []struct {
		exit proc.Exit
		want bool
	}{
		{proc.Exit{Code: 2}, true},
		{proc.Exit{Code: 0}, true},
		{proc.Exit{Code: -1, Signal: syscall.SIGKILL}, false},
		{proc.Exit{Code: -1}, false}, // unknown
	} {
		if got := endedByItself(test.exit); got != test.want {
			t.Errorf("%+v: %v, want %v", test.exit, got, test.want)
		}
	}
}
