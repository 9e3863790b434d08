package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// startProgram runs the program in another process until kill is called.
func startProgram(t *testing.T, address string) (kill func()) {
	t.Helper()
	p := terminal(nil).command(t, "program", address)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := p.Process.Kill(); err != nil {
			t.Error(err)
		}
		if _, ok := p.Wait().(*exec.ExitError); !ok {
			t.Error("the program ended before it was killed")
		}
	}
}

func TestFollowReportsARestartOfTheProgram(t *testing.T) {
	address := "unix:" + filepath.Join(t.TempDir(), "run", "control.sock")
	kill := startProgram(t, address)
	text, json := follow(t, address, "--patience", "20s"), follow(t, address, "--patience", "20s", "-o", "json")
	t.Cleanup(func() { // the context of the test has ended
		<-text.code
		<-json.code
	})
	text.says(&text.stdout, "supervisor started  orders")
	json.says(&json.stdout, `{"kind":"supervisor started"`)
	kill()
	kill = startProgram(t, address)
	supctl(t, exitDone, "-a", address, "--patience", "20s", "terminate", "orders/db")
	text.says(&text.stderr, "\nsupctl: program restarted, event numbers begin at 1 again: events after number ")
	text.says(&text.stdout, "child stopped       orders/db")
	json.says(&json.stdout, `{"kind":"skipped","after":`)
	json.says(&json.stdout, `,"anew":true}`+"\n")
	json.says(&json.stdout, `{"kind":"child stopped"`)
	if n := strings.Count(text.stderr.String(), "sup: "); n > 0 {
		t.Errorf("package prefix in\n%s", &text.stderr)
	}
	kill()
}
