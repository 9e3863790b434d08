//go:build linux

package plugin_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
)

func TestNothingIsLeftOfPluginsWhoseHostIsKilled(t *testing.T) {
	host := exec.Command("/proc/self/exe")
	host.Env = environ("host")
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	host.Process.Signal(syscall.SIGKILL)
	host.Wait()
	pids := strings.Fields(line)
	if len(pids) != len(wires) {
		t.Fatalf("the plugins are %q", line)
	}
	for _, pid := range pids {
		eventually(t, "process "+pid+" is gone", func() bool { return dead(pid) })
	}
	// The sockets of the dead are files. The next host removes them.
	if left := leaks.Files(os.TempDir()); strings.Count(left, "plugin-dir") != len(wires) {
		t.Errorf("there is left %q", left)
	}
	next := exec.Command("/proc/self/exe")
	next.Env = environ("nested-host=HOME")
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := leaks.Files(os.TempDir()); strings.Contains(left, "plugin-dir") {
		t.Errorf("there is left %q", left)
	}
}

// dead reports that a process is gone, or a zombie that nobody waits for.
func dead(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// docker pause and the like stop both: the plugin cannot answer, and the host's
// time for the answer is over when it goes on.
func TestAPluginIsNotUnhealthyBecauseTheHostWasStopped(t *testing.T) {
	host := exec.Command("/proc/self/exe")
	host.Env, host.Stderr = environ("watching-host"), os.Stderr
	in, err := host.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	words, err := strconv.Atoi(lines.Text())
	if err != nil {
		t.Fatal(err)
	}
	signal := func(pid int, sig syscall.Signal) {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Error(err)
		}
	}
	signal(words, syscall.SIGSTOP)
	time.Sleep(watchingTimeout / 8) // a question is asked
	signal(host.Process.Pid, syscall.SIGSTOP)
	time.Sleep(watchingTimeout + watchingTimeout/4)
	signal(host.Process.Pid, syscall.SIGCONT)
	time.Sleep(watchingTimeout / 8) // the plugin goes on a little later
	signal(words, syscall.SIGCONT)
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Error(err)
	}
	lines.Scan()
	if last := lines.Text(); last != "last exit: none" {
		t.Error(last)
	}
	if err := host.Wait(); err != nil {
		t.Error(err)
	}
}
