//go:build linux

package proc_test

import (
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup/proc"
)

// Guarantee 4.
func TestAProcessDiesWithItsHost(t *testing.T) {
	for _, how := range []string{"killed", "exit"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			host := start(t, fake("host", how))
			awaitLine(t, host, "up")
			var children []int
			for _, text := range texts(host.Tail()) {
				if id, ok := strings.CutPrefix(text, "child "); ok {
					pid, _ := strconv.Atoi(id)
					children = append(children, pid)
				}
			}
			if len(children) != 3 {
				t.Fatalf("the host has %d children", len(children))
			}
			if how == "killed" {
				if err := syscall.Kill(host.Pid(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			<-host.Done()
			for _, pid := range children {
				eventually(t, "the end of "+strconv.Itoa(pid), func() bool { return gone(pid) })
			}
		})
	}
}

// A process dies with the thread that has started it. Go ends the thread of a
// goroutine that has locked it, which the caller of Start may do, or a later goroutine
// on the same thread.
func TestAProcessOutlivesTheThreadOfTheCaller(t *testing.T) {
	started := make(chan *proc.Process)
	go func() {
		runtime.LockOSThread()
		p, err := fake("graceful", "0").Start(t.Context())
		if err != nil {
			t.Error(err)
		}
		started <- p
	}()
	p := <-started
	if p == nil {
		t.FailNow()
	}
	awaitLine(t, p, "up")
	var threads []string
	for range 30 {
		thread := make(chan int)
		go func() {
			runtime.LockOSThread()
			thread <- syscall.Gettid()
		}()
		threads = append(threads, strconv.Itoa(<-thread))
	}
	for _, thread := range threads {
		if thread == strconv.Itoa(syscall.Getpid()) { // the main thread never ends
			continue
		}
		eventually(t, "the end of thread "+thread, func() bool {
			return syscall.Access("/proc/self/task/"+thread, 0) == syscall.ENOENT
		})
	}
	if exit := p.Stop(t.Context(), 1<<62); exit.Code != 0 {
		t.Errorf("the exit is %v, before the signal", exit)
	}
}
