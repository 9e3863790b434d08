package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// Play plays the scenario on a tree of stand-ins that is declared, and whose workers
// behave, as the scenario says. It fails the test if a trace, a given answer or given
// states differ. It must run in virtual time: see [suptest.Run].
func (sc *Scenario) Play(t *testing.T) {
	t.Helper()
	newStandInPlayer(t, sc).play()
}

// PlayOn is [Scenario.Play] on a tree of the test. The tree must not have been started,
// and its children must be wrapped by [suptest.Inject] or one of its variants. Of the
// declaration of the scenario only the faults of its workers are used. Everything else
// is as in the tree, the name of the root included.
//
// The workers are ended by f, and not by themselves. So a worker cannot end normally,
// and a child can be added to a [sup.Keyed] only. Other commands fail the test.
func (sc *Scenario) PlayOn(t *testing.T, f *suptest.Faults, tree sup.AnySupervisor) {
	t.Helper()
	newPlayer(t, sc, f, tree, nil).play()
}

// patience is how much virtual time a patient player waits for a worker to run.
const patience = 10 * time.Minute

// A player plays one scenario.
type player struct {
	t        *testing.T
	sc       *Scenario
	faults   *suptest.Faults
	standIns *standIns // nil for a tree of the test
	tree     sup.AnySupervisor
	control  sup.Controller
	root     string // the path of the tree
	script   *script
	run      chan error // the result of Run
	startErr error      // the result of Run, if it returned while the start settled

	// patient makes a die wait until its worker runs, and be left out if it never
	// does.
	patient bool
	left    []string // what was left out

	events      *suptest.Recorder
	interpreted int // events whose words were returned by trace
}

func newPlayer(t *testing.T, sc *Scenario, f *suptest.Faults, tree sup.AnySupervisor, standIns *standIns) *player {
	t.Helper()
	if tree == nil {
		t.Fatal("nil tree to play a scenario on")
	}
	p := &player{t: t, sc: sc, faults: f, standIns: standIns, tree: tree, control: sup.Control(tree), events: new(suptest.Recorder)}
	status, err := p.control.Status(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	p.root = status.Path
	p.script = newScript(t, f, p.root, sc.content.Find)
	go func() { // until the context of the test is done
		for e, err := range p.control.Events(t.Context(), "", sup.FromNow) {
			if err != nil {
				t.Errorf("events of %s: %s", termtext.Path(p.root), termtext.Text(fmt.Sprint(err)))
				return
			}
			p.events.Observe(e)
		}
	}()
	suptest.Settle(t) // the first event must find the subscription
	suptest.Cleanup(t, root{p.control, p.root})
	return p
}

// A root shuts down a tree of any type.
type root struct {
	control sup.Controller
	path    string
}

// Shutdown shuts the tree down.
func (r root) Shutdown(ctx context.Context) error {
	return r.control.Shutdown(ctx, sup.Target{Path: r.path})
}

// play performs all steps and compares the outcome of each.
func (p *player) play() {
	p.t.Helper()
	for i, s := range p.sc.content.Steps {
		answer, trace := p.perform(s)
		where := fmt.Sprintf("scenario %s, step %d, %s", p.sc.Name, i+1, s)
		want := canonical(p.sc.content.Find, slices.Clone(s.Trace))
		if !slices.Equal(want, trace) {
			p.t.Errorf("%s:\n\twant > %s\n\tgot  > %s", where, strings.Join(want, ", "), strings.Join(trace, ", "))
		}
		if s.Children != nil {
			if got := p.children(); got != *s.Children {
				p.t.Errorf("%s:\n\twant : %s\n\tgot  : %s", where, *s.Children, got)
			}
		}
		if s.Answer != "" && s.Answer != answer {
			p.t.Errorf("%s = %s; want %s", where, answer, s.Answer)
		}
	}
}

// perform performs a step and lets the test settle.
func (p *player) perform(s scenario.Step) (answer string, trace []string) {
	p.t.Helper()
	target := sup.Target{Path: p.root + "/" + scenario.PathOf(s.Path)}
	ctx := p.t.Context()
	pending := make(chan error, 1)
	call := func(f func() error) { go func() { pending <- f() }() }
	switch s.Verb {
	case "start":
		p.run = make(chan error, 1)
		go func() { p.run <- p.tree.Run(context.Background()) }()
	case "stop":
		call(func() error { return root{p.control, p.root}.Shutdown(ctx) })
	case "pass":
		time.Sleep(s.Time)
	case "release":
		p.script.release()
	case "die":
		p.die(s, target.Path)
	case "terminate":
		call(func() error { return p.control.TerminateChild(ctx, target) })
	case "restart":
		call(func() error { return p.control.RestartChild(ctx, target) })
	case "delete":
		call(func() error { return p.control.DeleteChild(ctx, target) })
	case "remove":
		call(func() error {
			if err := p.control.TerminateChild(ctx, target); err != nil {
				return err
			}
			return p.control.DeleteChild(ctx, target)
		})
	case "add":
		p.script.add(s.Path, s.Add.Faults)
		call(func() error { return p.add(ctx, s) })
	}
	suptest.Settle(p.t)
	if !p.patient { // a replay compares no traces, and the cost of all of them is quadratic
		trace = p.trace()
	}
	select {
	case err := <-pending:
		return p.answer(s, err), trace
	case err := <-p.run:
		if s.Verb == "start" {
			p.startErr = err
			return p.answer(s, err), trace
		}
		p.run = nil
	default:
		if s.Verb == "start" {
			return "ok", trace
		}
	}
	return "", trace
}

// die ends a worker.
func (p *player) die(s scenario.Step, path string) {
	p.t.Helper()
	if problem := p.awaitRunning(path); problem != "" {
		if !p.patient {
			p.t.Errorf("scenario %s: %s: %s", p.sc.Name, s, problem)
		}
		p.left = append(p.left, fmt.Sprintf("%s: %s", s, problem))
		return
	}
	switch how := s.Arg; {
	case p.standIns != nil:
		p.standIns.die(path, how)
	case how == "normal" && !p.patient:
		p.t.Errorf("scenario %s: %s: a worker of the test's tree cannot end normally; edit the scenario or use Play", p.sc.Name, s)
	case how == "normal": // has the same effect on a replay
		p.faults.Crash(path, sup.ErrShutdown)
	case how == "panic":
		p.faults.Panic(path, errScripted)
	case how == "goexit":
		p.faults.Goexit(path)
	default:
		p.faults.Crash(path, misbehave(how))
	}
}

// awaitRunning returns why a child is not running, or "". A patient player waits for
// the child.
func (p *player) awaitRunning(path string) (problem string) {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second) {
		info, err := p.control.Child(p.t.Context(), path)
		switch {
		case err == nil && info.State == sup.StateRunning:
			return ""
		case err != nil:
			problem = err.Error()
		default:
			problem = info.State.String()
		}
		ended := errors.Is(err, sup.ErrNotRunning) || p.hasEnded()
		if !p.patient || ended || err == nil && info.State.AtRest() || time.Now().After(deadline) {
			return problem
		}
		time.Sleep(wait)
	}
}

// hasEnded reports whether the tree has ended.
func (p *player) hasEnded() bool {
	status, err := p.control.Status(p.t.Context(), "")
	return err != nil || status.Uptime == 0 && len(p.run) > 0
}

// add adds a child.
func (p *player) add(ctx context.Context, s scenario.Step) error {
	up := scenario.Parent(s.Path)
	if p.standIns != nil {
		p.standIns.mu.Lock()
		to := p.standIns.sups[up]
		p.standIns.mu.Unlock()
		if to != nil {
			_, err := to.StartChild(ctx, p.standIns.child(s.Path, s.Add))
			return err
		}
	}
	at := p.root
	if up != "" {
		at += "/" + scenario.PathOf(up)
	}
	_, err := p.control.StartChild(ctx, at, scenario.IDOf(scenario.Last(s.Path)))
	if errors.Is(err, sup.ErrNotKeyed) {
		p.t.Errorf("scenario %s: %s: in the test's tree a child can be added to a Keyed only; edit the scenario or use Play", p.sc.Name, s)
	}
	return err
}

// trace returns what has happened since the last call.
func (p *player) trace() []string {
	events := p.events.Events()
	var words []string
	for _, m := range newInterpreter(p.root, p.sc.content.Find, events, false).interpret()[p.interpreted:] {
		if m.word != "" {
			words = append(words, m.word)
		}
	}
	p.interpreted = len(events)
	return canonical(p.sc.content.Find, words)
}

// children lists all children with their states.
func (p *player) children() string {
	tree, err := p.control.Snapshot(p.t.Context(), "")
	if err != nil {
		return err.Error()
	}
	var words []string
	var visit func(path string, s sup.SupervisorInfo)
	visit = func(path string, s sup.SupervisorInfo) {
		if !s.Running {
			return
		}
		for _, c := range s.Children {
			at, state := scenario.Join(path, scenario.IDField(c.ID)), c.State.String()
			switch {
			case c.State == sup.StateRunning:
				state = "up"
			case c.State.AtRest():
				state = "down"
			}
			words = append(words, at+" "+state)
			if c.Supervisor != nil {
				visit(at, *c.Supervisor)
			}
		}
	}
	visit("", tree)
	return strings.Join(words, ", ")
}

// answers are the words for the errors of calls. The first that matches counts.
var answers = []struct {
	err  error
	word string
}{
	{sup.ErrRunning, "running"},
	{sup.ErrRestarting, "restarting"},
	{sup.ErrNotFound, "not_found"},
	{sup.ErrAlreadyRunning, "already_running"},
	{sup.ErrAlreadyDeclared, "already_declared"},
	{sup.ErrMaxChildren, "max_children"},
	{sup.ErrStuck, "stuck"},
	{sup.ErrNotRunning, "not_running"},
}

// answer returns the word for the error of a step's call.
func (p *player) answer(s scenario.Step, err error) string {
	if err == nil {
		return "ok"
	}
	if failed, ok := errors.AsType[*sup.StartError](err); ok {
		if s.Verb != "start" {
			return "failed"
		}
		for ok { // down to the first cause
			err = failed.Err
			path := failed.Path
			if failed, ok = errors.AsType[*sup.StartError](err); !ok {
				return "failed_to_start_child " + scenario.Field(strings.TrimPrefix(path, p.root+"/"))
			}
		}
	}
	if _, ok := errors.AsType[*sup.SpecError](err); ok {
		return "bad_spec"
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.word
		}
	}
	return err.Error()
}
