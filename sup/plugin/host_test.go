//go:build linux

package plugin_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/sup/plugin"
)

func TestNothingRemainsOfPluginsWhoseHostIsKilled(t *testing.T) {
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
		eventually(t, "process "+pid+" has ended", func() bool { return dead(pid) })
	}
	// The sockets remain as files. The next host removes them.
	if left := leaks.Files(os.TempDir()); strings.Count(left, "plugin-dir") != len(wires) {
		t.Errorf("left: %q", left)
	}
	nextHost(t)
	if left := leaks.Files(os.TempDir()); strings.Contains(left, "plugin-dir") {
		t.Errorf("left: %q", left)
	}
}

// dead reports whether a process has ended. It may be a zombie.
func dead(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return true
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(state, "Z")
}

// docker pause stops both. The plugin cannot answer, and the timeout of the host has
// passed when it continues.
func TestAPluginIsNotUnhealthyBecauseTheHostWasStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
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
	time.Sleep(watchingTimeout / 8) // the plugin is asked
	signal(host.Process.Pid, syscall.SIGSTOP)
	time.Sleep(watchingTimeout + watchingTimeout/4)
	signal(host.Process.Pid, syscall.SIGCONT)
	time.Sleep(watchingTimeout / 8) // the plugin continues a little later
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

// nextHost runs a host, which removes what earlier hosts have left.
func nextHost(t *testing.T) {
	t.Helper()
	host := exec.Command("/proc/self/exe")
	host.Env = environ("nested-host=HOME")
	if out, err := host.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A start can lack a descriptor at any of its steps.
func TestAStartThatLacksADescriptorWrapsEMFILE(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			host := exec.Command("/proc/self/exe")
			host.Env, host.Stderr = environ("starved-host="+wire), os.Stderr
			out, err := host.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			t.Logf("%s", out)
			if n := len(lines); n < 3 || !strings.HasPrefix(lines[n-1], "started with") {
				t.Fatalf("%d lines", n)
			}
			for _, line := range lines[:len(lines)-1] {
				if !strings.HasPrefix(line, "true ") {
					t.Error("the error does not wrap EMFILE:", line)
				}
			}
			nextHost(t) // a socket directory could not be removed without a descriptor
		})
	}
}

func TestAPluginOfADirDoesNotFailWhenTheHostLacksADescriptor(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	f := newFolder(t)
	f.put(".a", "grpc", "1")
	host := exec.Command("/proc/self/exe")
	host.Env, host.Stderr = environ("starved-dir="+f.path), os.Stderr
	out, err := host.Output()
	if want := "1 0 <nil>\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}

// A process that has left its group does not get the signals sent to the group.
func TestAPluginThatLeavesItsGroupIsKilledInTime(t *testing.T) {
	spec := specOf(t, "deserter=silent")
	spec.StartTimeout = time.Second
	if err := startError(t, spec); !errors.Is(err, plugin.ErrNotReady) {
		t.Error(err)
	}
	h := start(t, specOf(t, "deserter"))
	if err := h.replace(t.Context(), t, specOf(t, "deserter")); err != nil {
		t.Error(err)
	}
	pid := h.pid(t)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if exists(pid) {
		t.Errorf("process %d is running", pid)
	}
}
