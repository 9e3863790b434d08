//go:build unix

package sup_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// stoppedLimit is the time limit under test. The program is stopped for longer.
const stoppedLimit = 3 * time.Second

// stoppedPrograms are the programs that are stopped, each in its own process. A
// program reports "ready" when the limit runs, reads a line once it is
// continued, and returns the failure.
var stoppedPrograms = map[string]func(p *stoppedProgram) error{
	"S5, a start": func(p *stoppedProgram) error {
		s, err := sup.Start(context.Background(), lone(sup.ChildSpec[*fake]{
			StartTimeout: stoppedLimit,
			Start:        makes(fake{initialize: func(context.Context) error { p.pause(); return nil }}),
		}))
		if err != nil {
			return err
		}
		return s.Shutdown(context.Background())
	},
	"L1, a watchdog": func(p *stoppedProgram) error {
		spec := lone(sup.ChildSpec[*fake]{
			Watchdog: stoppedLimit,
			Restart:  sup.Temporary,
			Start: makes(fake{run: func(ctx context.Context) error {
				p.pause()
				sup.Beat(ctx)
				select {
				case <-ctx.Done(): // unhealthy
				case <-time.After(stoppedLimit / 4):
				}
				return ctx.Err()
			}}),
		})
		return p.failures(spec, func(s *sup.Supervisor[*fake]) { p.await(sup.ChildExited) })
	},
	"X6, the stop of one child": func(p *stoppedProgram) error {
		return p.failures(lone(p.slow()), func(s *sup.Supervisor[*fake]) {
			if err := s.TerminateChild(context.Background(), "w"); err != nil {
				fmt.Println(err)
			}
		})
	},
	"X6, a stop that nobody waits for": func(p *stoppedProgram) error {
		spec := lone(sup.ChildSpec[*fake]{
			Restart:  sup.Temporary,
			Shutdown: stoppedLimit,
			Start: makes(fake{run: func(ctx context.Context) error {
				goIn(ctx, func(context.Context) error { p.pause(); return nil })
				return nil
			}}),
		})
		return p.failures(spec, func(s *sup.Supervisor[*fake]) { p.await(sup.ChildExited) })
	},
	"X3, the stop of a set": func(p *stoppedProgram) error {
		s := sup.NewReplicas(sup.ReplicasSpec[*fake]{
			Count:     1,
			Shutdown:  stoppedLimit,
			Start:     func(ctx context.Context, _ int) (*fake, error) { return p.slow().Start(ctx) },
			Observers: []sup.Observer{sup.ObserverFunc(p.observe)},
		})
		if err := s.Start(context.Background()); err != nil {
			return err
		}
		return errors.Join(s.Shutdown(context.Background()), p.failure)
	},
}

// L1, S5, X3, X6: A time limit that runs out because the whole program was
// stopped for longer is extended by one interval.
func TestAProgramThatWasStoppedFailsNoChild(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	if name := os.Getenv("SUP_TEST_STOPPED"); name != "" {
		p := &stoppedProgram{in: bufio.NewReader(os.Stdin), seen: make(chan sup.EventKind, 100)}
		fmt.Printf("\nresult: %v\n", stoppedPrograms[name](p))
		return
	}
	for name := range stoppedPrograms {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if result := stopAndContinue(t, name); result != "<nil>" {
				t.Error(result)
			}
		})
	}
}

// L1: A child that is really stuck is found even after the program was stopped.
func TestAStuckChildIsFoundAfterTheProgramWasStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const name = "stuck"
	if os.Getenv("SUP_TEST_STOPPED") == name {
		p := &stoppedProgram{in: bufio.NewReader(os.Stdin), seen: make(chan sup.EventKind, 100)}
		spec := lone(sup.ChildSpec[*fake]{
			Watchdog: stoppedLimit,
			Restart:  sup.Temporary,
			Start:    makes(fake{run: func(ctx context.Context) error { p.pause(); <-ctx.Done(); return nil }}),
		})
		fmt.Printf("\nresult: %v\n", p.failures(spec, func(*sup.Supervisor[*fake]) { p.await(sup.ChildExited) }))
		return
	}
	t.Parallel()
	if result := stopAndContinue(t, name); !strings.Contains(result, "no beat") {
		t.Error(result)
	}
}

// stopAndContinue runs the named program in a process that it stops for longer
// than the limit, and returns the program's result.
func stopAndContinue(t *testing.T, name string) string {
	t.Helper()
	top, _, _ := strings.Cut(t.Name(), "/")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+top+"$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "SUP_TEST_STOPPED="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
	}
	pid := cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	for !status.Stopped() {
		if _, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil); err != nil && err != syscall.EINTR {
			t.Fatal(err)
		}
		if status.Exited() || status.Signaled() {
			t.Fatalf("the program has ended: %v", status)
		}
	}
	time.Sleep(stoppedLimit + stoppedLimit/4) // the length of the stop, not a wait for anything
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(stoppedLimit / 10) // an expired limit takes effect before the program continues
	if _, err := io.WriteString(in, "go\n"); err != nil {
		t.Fatal(err)
	}
	result := "no result"
	for lines.Scan() {
		if after, found := strings.CutPrefix(lines.Text(), "result: "); found {
			result = after
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return result
}

// stoppedProgram is the code that runs in the stopped process.
type stoppedProgram struct {
	in   *bufio.Reader
	seen chan sup.EventKind

	mu      sync.Mutex
	failure error // the first failure
}

// pause marks the point at which the program is stopped.
func (p *stoppedProgram) pause() {
	fmt.Println("\nready")
	if _, err := p.in.ReadString('\n'); err != nil {
		panic(err)
	}
}

// slow returns a child whose stop takes as long as the pause.
func (p *stoppedProgram) slow() sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{
		Restart:  sup.Temporary,
		Shutdown: stoppedLimit,
		Start:    makes(fake{run: func(ctx context.Context) error { <-ctx.Done(); p.pause(); return nil }}),
	}
}

func (p *stoppedProgram) observe(e sup.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failure == nil && (e.Kind == sup.ChildStuck || e.Exit.Kind == sup.ExitAbnormal) {
		p.failure = fmt.Errorf("%v: %v", e.Kind, e.Exit)
	}
	p.seen <- e.Kind
}

// await waits for an event of the given kind.
func (p *stoppedProgram) await(kind sup.EventKind) {
	for seen := range p.seen {
		if seen == kind {
			return
		}
	}
}

// failures runs a supervisor and returns its first failure.
func (p *stoppedProgram) failures(spec sup.Spec[*fake], f func(s *sup.Supervisor[*fake])) error {
	spec.Observers = []sup.Observer{sup.ObserverFunc(p.observe)}
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		return err
	}
	f(s)
	return errors.Join(s.Shutdown(context.Background()), p.failure)
}
