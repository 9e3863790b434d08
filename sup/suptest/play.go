package suptest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// Play plays the scenario on a tree of stand-ins, which is declared as the
// scenario says and whose workers behave so, and fails the test where a trace, or
// an answer that is given, differs. It needs virtual time: see [Run].
func (sc *Scenario) Play(t *testing.T) {
	t.Helper()
	f := NewFaults(t)
	s := newStandIns(f)
	p := newPlayer(t, sc, f, s.tree(sc.Name, sc.root), s)
	p.play()
}

// PlayOn is [Scenario.Play] on a tree of one's own, that has not been started,
// and whose children are wrapped with [Inject] or its like. How that is declared
// is what counts; of what the scenario declares, only how the workers behave
// does. Its paths begin below the root, whose name may be another.
//
// The workers are broken as [Faults] breaks them: a child that dies does not do
// so by itself. So they cannot end normally, and a child can be added to a Keyed
// only: such commands fail the test.
func (sc *Scenario) PlayOn(t *testing.T, f *Faults, tree sup.AnySupervisor) {
	t.Helper()
	newPlayer(t, sc, f, tree, nil).play()
}

func newStandIns(f *Faults) *standIns {
	return &standIns{faults: f, live: make(map[string]*standIn), sups: make(map[string]*sup.Supervisor[sup.Worker])}
}

// player plays one scenario.
type player struct {
	t       *testing.T
	sc      *Scenario
	faults  *Faults
	stand   *standIns // nil for a tree of the test's own
	tree    sup.AnySupervisor
	control sup.Controller
	root    string // the path of the tree
	script  *script
	run     chan error // what Run has returned
	failed  error      // what it returned while the start settled

	// patient waits with what a worker is to do until it runs, and leaves it if
	// it never will.
	patient bool
	left    []string // what was left
	told    int      // events whose words were taken
	events  *Recorder
}

func newPlayer(t *testing.T, sc *Scenario, f *Faults, tree sup.AnySupervisor, stand *standIns) *player {
	t.Helper()
	if tree == nil {
		t.Fatal("suptest: there is no tree to play a scenario on: it is nil")
	}
	p := &player{t: t, sc: sc, faults: f, stand: stand, tree: tree, control: sup.Control(tree), events: new(Recorder)}
	status, err := p.control.Status(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	p.root, p.script = status.Path, newScript(status.Path, sc.find)
	f.mu.Lock()
	f.script = p.script
	f.mu.Unlock()
	go func() {
		for e, err := range p.control.Events(t.Context(), "", sup.FromNow) {
			if err != nil {
				t.Errorf("suptest: the events of %s: %s", termtext.Path(p.root), termtext.Text(fmt.Sprint(err)))
				return
			}
			p.events.Observe(e)
		}
	}()
	settle(t)
	Cleanup(t, closer{p.control, p.root})
	return p
}

// closer shuts down a tree of any type.
type closer struct {
	control sup.Controller
	root    string
}

func (c closer) Shutdown(ctx context.Context) error {
	return c.control.Shutdown(ctx, sup.Target{Path: c.root})
}

// play performs all steps, and compares what comes of each.
func (p *player) play() {
	p.t.Helper()
	for i, s := range p.sc.steps {
		answer, trace := p.perform(s)
		want := canonical(p.sc.find, slices.Clone(s.trace))
		if !slices.Equal(want, trace) {
			p.t.Errorf("suptest: scenario %s, step %d, %s:\n\twant > %s\n\tgot  > %s", p.sc.Name, i+1, s, strings.Join(want, ", "), strings.Join(trace, ", "))
		}
		if s.children != nil {
			if is := p.children(); is != *s.children {
				p.t.Errorf("suptest: scenario %s, step %d, %s:\n\twant : %s\n\tgot  : %s", p.sc.Name, i+1, s, *s.children, is)
			}
		}
		if s.answer != "" && s.answer != answer {
			p.t.Errorf("suptest: scenario %s, step %d, %s = %s; want %s", p.sc.Name, i+1, s, answer, s.answer)
		}
	}
}

// perform does what a step says, and lets everything settle.
func (p *player) perform(s step) (answer string, trace []string) {
	p.t.Helper()
	path := p.root + "/" + pathOf(s.path)
	target := sup.Target{Path: path}
	ctx := p.t.Context()
	pending := make(chan error, 1)
	call := func(f func() error) { go func() { pending <- f() }() }
	switch s.verb {
	case "start":
		p.run = make(chan error, 1)
		go func() { p.run <- p.tree.Run(context.Background()) }()
	case "stop":
		call(func() error { return p.control.Shutdown(ctx, sup.Target{Path: p.root}) })
	case "pass":
		time.Sleep(s.time)
	case "release":
		p.script.release()
	case "die":
		p.die(s, path)
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
		p.script.add(s.path, s.add.faults)
		call(func() error { return p.add(ctx, s) })
	}
	settle(p.t)
	if !p.patient { // a replay compares no traces, and to read all events after each step is quadratic
		trace = p.trace()
	}
	select {
	case err := <-pending:
		return p.answerOf(s, err), trace
	case err := <-p.run:
		if s.verb == "start" {
			p.failed = err
			return p.answerOf(s, err), trace
		}
		p.run = nil
	default:
		if s.verb == "start" {
			return "ok", trace
		}
	}
	return "", trace
}

// die ends a worker.
func (p *player) die(s step, path string) {
	p.t.Helper()
	if why := p.awaitRunning(path); why != "" {
		if !p.patient {
			p.t.Errorf("suptest: scenario %s: %s: %s", p.sc.Name, s, why)
		}
		p.left = append(p.left, fmt.Sprintf("%s: %s", s, why))
		return
	}
	if p.stand != nil {
		p.stand.die(path, s.how)
		return
	}
	how := s.how
	if how == "normal" {
		if !p.patient {
			p.t.Errorf("suptest: scenario %s: %s: a worker of a tree of the test's own cannot be made to end normally: edit the scenario, or play it on stand-ins", p.sc.Name, s)
			return
		}
		how = "shutdown" // leads to the same
	}
	p.faults.command("die", path, func(context.Context) error { return misbehave(how) })
}

// awaitRunning says why a child is not running; who is patient waits for it.
func (p *player) awaitRunning(path string) (why string) {
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second) {
		info, err := p.control.Child(p.t.Context(), path)
		switch {
		case err == nil && info.State == sup.StateRunning:
			return ""
		case err != nil:
			why = err.Error()
		default:
			why = "it is " + info.State.String()
		}
		ended := errors.Is(err, sup.ErrNotRunning) || p.over()
		if !p.patient || ended || err == nil && info.State.AtRest() || time.Now().After(deadline) {
			return why
		}
		time.Sleep(wait)
	}
}

// over reports that the tree has ended.
func (p *player) over() bool {
	status, err := p.control.Status(p.t.Context(), "")
	return err != nil || status.Uptime == 0 && len(p.run) > 0
}

// add adds a child.
func (p *player) add(ctx context.Context, s step) error {
	up := upOf(s.path)
	if p.stand != nil {
		p.stand.mu.Lock()
		to := p.stand.sups[up]
		p.stand.mu.Unlock()
		if to != nil {
			_, err := to.StartChild(ctx, p.stand.child(s.path, s.add))
			return err
		}
	}
	at := p.root
	if up != "" {
		at += "/" + pathOf(up)
	}
	_, err := p.control.StartChild(ctx, at, idOfField(idOf(s.path)))
	if errors.Is(err, sup.ErrNotKeyed) {
		p.t.Errorf("suptest: scenario %s: %s: to a tree of the test's own only members of a Keyed can be added: edit the scenario, or play it on stand-ins", p.sc.Name, s)
	}
	return err
}

// trace returns what has happened since it was last called.
func (p *player) trace() []string {
	events := p.events.Events()
	var words []string
	for _, t := range newAccount(p.root, p.sc.find, events, false).tell()[p.told:] {
		if t.word != "" {
			words = append(words, t.word)
		}
	}
	p.told = len(events)
	return canonical(p.sc.find, words)
}

// children tells of all children whether they are up or down.
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
			at, state := below(path, idField(c.ID)), c.State.String()
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

// answers are the words for what calls return; the first that fits counts.
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

// answerOf puts an error into a word.
func (p *player) answerOf(s step, err error) string {
	if err == nil {
		return "ok"
	}
	if failed, ok := errors.AsType[*sup.StartError](err); ok {
		if s.verb != "start" {
			return "failed"
		}
		for ok { // down to the first cause
			err = failed.Err
			path := failed.Path
			if failed, ok = errors.AsType[*sup.StartError](err); !ok {
				return "failed_to_start_child " + fieldOf(strings.TrimPrefix(path, p.root+"/"))
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
