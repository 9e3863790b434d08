package sup_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// The scenarios of testdata/otp.txt were run on Erlang/OTP 25, whose traces
// they hold. Each is replayed here, command by command, and must lead to the
// same trace, except where the contract differs on purpose.

// deltas are the traces that the contract changes, by scenario and command.
var deltas = map[string]map[string]string{
	"ordered-stop-revive": {"die a boom": "die a boom, start a"}, // T4: an operator's word outlives a neighbour's crash
}

func TestTheTracesOfErlangsSupervisorAreOurs(t *testing.T) {
	for _, sc := range readScenarios(t, "testdata/otp.txt") {
		t.Run(sc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replay(t, sc) })
		})
	}
}

type scenario struct {
	name     string
	strategy sup.Strategy
	limit    sup.Intensity
	children []scenarioChild
	steps    []step
}

type scenarioChild struct {
	id       string
	restart  sup.Restart
	from, to int // these start attempts fail
}

// step is a command, the answer behind its '=', and the events behind the '>'.
type step struct {
	command, answer, trace string
}

func readScenarios(t *testing.T, file string) []*scenario {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*scenario
	var sc *scenario
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
		case "scenario":
			sc = &scenario{name: rest}
			all = append(all, sc)
		case "supervisor":
			sc.strategy, sc.limit = parseSupervisor(t, rest)
		case "child":
			sc.children = append(sc.children, parseChild(t, rest))
		case ">":
			sc.steps[len(sc.steps)-1].trace = rest
		default:
			command, answer, _ := strings.Cut(line, " = ")
			sc.steps = append(sc.steps, step{command: command, answer: answer})
		}
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s: %d scenarios, %v", file, len(all), err)
	}
	return all
}

func parseSupervisor(t *testing.T, s string) (strategy sup.Strategy, limit sup.Intensity) {
	t.Helper()
	var name, within string
	if _, err := fmt.Sscanf(strings.Replace(s, "/", " ", 1), "%s %d %s", &name, &limit.Restarts, &within); err != nil {
		t.Fatalf("supervisor %s: %v", s, err)
	}
	limit.Within, _ = time.ParseDuration(within)
	for _, strategy := range []sup.Strategy{sup.OneForOne, sup.OneForAll, sup.RestForOne} {
		if strategy.String() == name {
			return strategy, limit
		}
	}
	t.Fatalf("supervisor %s: no such strategy", s)
	return
}

func parseChild(t *testing.T, s string) (c scenarioChild) {
	t.Helper()
	fields := strings.Fields(s)
	c.id = fields[0]
	for _, c.restart = range []sup.Restart{sup.Permanent, sup.Transient, sup.Temporary} {
		if c.restart.String() == fields[1] {
			break
		}
	}
	if len(fields) > 2 {
		if _, err := fmt.Sscanf(fields[2], "fail=%d..%d", &c.from, &c.to); err != nil {
			t.Fatalf("child %s: %v", s, err)
		}
	}
	return c
}

// trace is what happened since it was last taken.
type trace struct {
	mu     sync.Mutex
	events []string
}

func (tr *trace) add(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.events = append(tr.events, fmt.Sprintf(format, args...))
}

func (tr *trace) take() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	events := strings.Join(tr.events, ", ")
	tr.events = nil
	return events
}

// actor is a worker that does as the scenario tells it.
type actor struct {
	trace   *trace
	id      string
	die     chan string
	attempt int
	scenarioChild
}

func (a *actor) Initialize(context.Context) error {
	if a.from <= a.attempt && a.attempt <= a.to {
		a.trace.add("init_fail %s", a.id)
		return errors.New("told to fail")
	}
	a.trace.add("start %s", a.id)
	return nil
}

func (a *actor) Run(ctx context.Context) error {
	select {
	case reason := <-a.die:
		a.trace.add("die %s %s", a.id, reason)
		switch reason {
		case "normal":
			return nil
		case "shutdown":
			return sup.ErrShutdown
		}
		return errors.New(reason)
	case <-ctx.Done():
		a.trace.add("stop_begin %s", a.id)
		a.trace.add("stop %s", a.id)
		return ctx.Err()
	}
}

// replay runs a scenario and compares each step.
func replay(t *testing.T, sc *scenario) {
	tr := new(trace)
	die := make(map[string]chan string)
	spec := sup.Spec[*actor]{Name: sc.name, Strategy: sc.strategy, Intensity: sc.limit}
	for _, c := range sc.children {
		die[c.id] = make(chan string)
		attempts := 0
		spec.Children = append(spec.Children, sup.ChildSpec[*actor]{
			ID: c.id, Restart: c.restart, Shutdown: time.Second,
			Start: func(context.Context) (*actor, error) {
				attempts++
				return &actor{trace: tr, id: c.id, die: die[c.id], attempt: attempts, scenarioChild: c}, nil
			},
		})
	}
	s := sup.New(spec)
	defer s.Shutdown(t.Context())
	for _, step := range sc.steps {
		got := step
		got.answer = perform(t, s, die, step.command)
		synctest.Wait()
		if s.Err() != nil && step.command != "start" {
			tr.add("supervisor_exit shutdown")
		}
		got.trace = tr.take()
		if step.command == "children" {
			got.trace = declared(s)
		}
		if delta, ok := deltas[sc.name][step.command]; ok {
			step.trace = delta
		}
		if step.answer == "" {
			got.answer = ""
		}
		if diff := cmp.Diff(step, got, cmp.AllowUnexported(step)); diff != "" {
			t.Errorf("%s (-OTP +ours):\n%s", step.command, diff)
		}
	}
}

func perform(t *testing.T, s *sup.Supervisor[*actor], die map[string]chan string, command string) (answer string) {
	t.Helper()
	f := strings.Fields(command)
	var err error
	switch f[0] {
	case "start":
		err = s.Start(t.Context())
	case "stop":
		err = s.Shutdown(t.Context())
	case "die":
		die[f[1]] <- f[2]
	case "terminate":
		err = s.Terminate(t.Context(), f[1])
	case "restart":
		err = s.Restart(t.Context(), f[1])
	case "delete":
		err = s.Delete(f[1])
	case "children":
	default:
		t.Fatalf("no such command: %s", command)
	}
	return answerOf(err)
}

// answerOf puts an error into the words of the scenarios.
func answerOf(err error) string {
	if start, ok := errors.AsType[*sup.StartError](err); ok {
		return "failed_to_start_child " + start.Path[strings.LastIndex(start.Path, "/")+1:]
	}
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, sup.ErrRunning):
		return "running"
	case errors.Is(err, sup.ErrRestarting):
		return "restarting"
	case errors.Is(err, sup.ErrNotFound):
		return "not_found"
	}
	return err.Error()
}

func declared(s *sup.Supervisor[*actor]) string {
	var all []string
	for _, c := range s.Children() {
		state := map[sup.State]string{sup.Running: "up", sup.Stopped: "down", sup.Restarting: "restarting"}[c.State]
		all = append(all, c.ID+" "+state)
	}
	return strings.Join(all, ", ")
}
