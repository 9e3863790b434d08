package sup_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// stage runs the engine through what the model predicts. It is made and used within a
// bubble.
type stage struct {
	began    time.Time
	root     *branch
	top      *sup.Supervisor[sup.Worker]
	calls    int
	stopCall int // the last call of Shutdown

	mu       sync.Mutex
	attempts map[string]int
	live     map[string]*player
	players  int                 // that have not ended
	sups     map[string]operated // current incarnation of each supervisor
	released chan struct{}
	events   []event
	answers  []answer
	wrong    []string // broken invariants
}

// operated has the operator calls that a supervisor and the sets share.
type operated struct {
	terminate, restart, remove func(ctx context.Context, id string) error
	replace                    func(ctx context.Context, id string) error
	delete                     func(ctx context.Context, id string) error
	add                        func(ctx context.Context, path string, b *branch) error
	get                        func(id string) (*player, bool)
	children                   func() []sup.ChildInfo
}

func newStage(root *branch) *stage {
	g := &stage{
		began:    time.Now(),
		root:     root,
		attempts: make(map[string]int),
		live:     make(map[string]*player),
		sups:     make(map[string]operated),
		released: make(chan struct{}),
	}
	g.top = sup.New(g.spec("", root))
	g.sups[""] = g.operate(g.top, "")
	return g
}

func (g *stage) spec(path string, b *branch) sup.Spec[sup.Worker] {
	spec := sup.Spec[sup.Worker]{Name: "root", Strategy: b.Strategy, Intensity: b.Intensity, AutoShutdown: b.AutoShutdown}
	for _, c := range b.Children {
		spec.Children = append(spec.Children, g.childSpec(scenario.Join(path, c.ID), c))
	}
	return spec
}

func (g *stage) childSpec(path string, b *branch) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{
		ID: b.ID, Restart: b.Restart, Needs: b.Needs, Significant: b.Significant, Shutdown: b.Shutdown,
		StartTimeout: b.StartTimeout, Backoff: b.Backoff, Budget: b.Budget, Stuck: b.Stuck,
		Start: func(ctx context.Context) (sup.Worker, error) { return g.make(ctx, path, b) },
	}
}

// make is the start function of every child.
func (g *stage) make(ctx context.Context, path string, b *branch) (sup.Worker, error) {
	if got := sup.Path(ctx); got != "root/"+path {
		g.complain("%s: its path is %q (W6)", path, got)
	}
	switch b.Kind {
	case aSupervisor:
		s := sup.New(g.spec(path, b))
		g.enter(path, g.operate(s, path))
		return s, nil
	case aKeyed:
		each := member(b, "k0")
		k := sup.NewKeyed(sup.KeyedSpec[string, *player]{
			Name: b.ID, Max: b.Size, Intensity: b.Intensity,
			Restart: each.Restart, Shutdown: each.Shutdown, StartTimeout: each.StartTimeout,
			Backoff: each.Backoff, Budget: each.Budget, Stuck: each.Stuck,
			Start: func(ctx context.Context, key string) (*player, error) {
				return g.player(ctx, scenario.Join(path, key), member(b, key))
			},
		})
		g.enter(path, operated{
			replace:   replacer(k, path),
			terminate: k.TerminateChild, restart: k.RestartChild, remove: k.RemoveChild, delete: k.DeleteChild, get: k.Get, children: k.Children,
			add: func(ctx context.Context, path string, b *branch) error {
				_, err := k.StartChild(ctx, b.ID)
				return err
			},
		})
		return k, nil
	case aReplicas:
		each := member(b, "0")
		r := sup.NewReplicas(sup.ReplicasSpec[*player]{
			Name: b.ID, Count: b.Size, Intensity: b.Intensity,
			Restart: each.Restart, Shutdown: each.Shutdown, StartTimeout: each.StartTimeout,
			Backoff: each.Backoff, Budget: each.Budget, Stuck: each.Stuck,
			Start: func(ctx context.Context, i int) (*player, error) {
				id := strconv.Itoa(i)
				return g.player(ctx, scenario.Join(path, id), member(b, id))
			},
		})
		number := func(f func(context.Context, int) error) func(context.Context, string) error {
			return func(ctx context.Context, id string) error {
				i, err := strconv.Atoi(id)
				if err != nil {
					i = -1
				}
				return f(ctx, i)
			}
		}
		g.enter(path, operated{
			replace:   replacer(r, path),
			terminate: number(r.TerminateChild), restart: number(r.RestartChild), children: r.Children,
			get: func(id string) (*player, bool) {
				i, _ := strconv.Atoi(id)
				return r.Get(i)
			},
		})
		return r, nil
	}
	p, err := g.player(ctx, path, b)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// replacer returns a function that replaces a child of the supervisor at a path.
func replacer(s sup.AnySupervisor, path string) func(ctx context.Context, id string) error {
	return func(ctx context.Context, id string) error {
		return sup.Control(s).Replace(ctx, sup.Target{Path: "root/" + scenario.Join(path, id)})
	}
}

func (g *stage) operate(s *sup.Supervisor[sup.Worker], path string) operated {
	return operated{
		replace:   replacer(s, path),
		terminate: s.TerminateChild, restart: s.RestartChild, delete: s.DeleteChild, children: s.Children,
		add: func(ctx context.Context, path string, b *branch) error {
			_, err := s.StartChild(ctx, g.childSpec(path, b))
			return err
		},
		get: func(id string) (*player, bool) {
			w, ok := s.Child(id).Get()
			p, _ := w.(*player)
			return p, ok
		},
	}
}

func (g *stage) enter(path string, s operated) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sups[path] = s
}

func (g *stage) emit(what, path string, inc int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, event{at: time.Since(g.began), what: what, path: path, inc: inc})
}

func (g *stage) complain(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.wrong = append(g.wrong, fmt.Sprintf(format, args...))
}

// complaints returns the invariants that were broken.
func (g *stage) complaints() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.Join(g.wrong, "\n")
}

// perform executes a command, waits until the bubble is idle, and returns the result.
func (g *stage) perform(cmd command) result {
	switch cmd.verb {
	case "pass":
		time.Sleep(cmd.time)
	case "die":
		g.mu.Lock()
		p := g.live[cmd.path]
		g.mu.Unlock()
		if p == nil {
			g.complain("%s should be running, and is not", cmd.path)
			break
		}
		p.die <- cmd.arg
	case "both":
		g.both(cmd.path, scenario.Join(scenario.Parent(cmd.path), cmd.arg))
	case "let":
		g.mu.Lock()
		p := g.live[cmd.path]
		close(p.let)
		p.let = make(chan struct{})
		g.mu.Unlock()
	case "release":
		g.mu.Lock()
		close(g.released)
		g.released = make(chan struct{})
		g.mu.Unlock()
	default:
		g.calls++
		if cmd.verb == "stop" {
			g.stopCall = g.calls
		}
		g.goCall(cmd, g.calls)
	}
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	r := result{events: g.events, answers: g.answers, ended: g.howEnded()}
	g.events, g.answers = nil, nil
	r.snapshot = g.snapshot()
	return r
}

// both ends two siblings at once. Both have ended before their supervisor learns of the
// first, and it learns of the first one first.
func (g *stage) both(first, second string) {
	known := make(map[string]chan struct{})
	for _, path := range []string{first, second} {
		known[path] = make(chan struct{})
		g.mu.Lock()
		p := g.live[path]
		p.known = known[path]
		g.mu.Unlock()
		p.die <- "boom"
		synctest.Wait()
	}
	g.mu.Lock()
	up := g.sups[scenario.Parent(first)]
	g.mu.Unlock()
	id := trimSlash(strings.TrimPrefix(first, scenario.Parent(first)))
	is := func(c sup.ChildInfo) bool { return c.ID == id }
	before := up.children()
	n := before[slices.IndexFunc(before, is)].Incarnation
	close(known[first])
	for slices.ContainsFunc(up.children(), func(c sup.ChildInfo) bool {
		return is(c) && c.Incarnation == n && (c.State == sup.StateRunning || c.State == sup.StateStopping)
	}) {
		runtime.Gosched()
	}
	close(known[second])
}

// goCall makes an operator call in a goroutine.
func (g *stage) goCall(cmd command, call int) {
	g.mu.Lock()
	up, ok := g.sups[scenario.Parent(cmd.path)]
	if cmd.verb == "add" {
		up, ok = g.sups[cmd.path]
	}
	g.mu.Unlock()
	go func() {
		ctx := context.Background()
		var err error
		switch cmd.verb {
		case "start":
			err = g.top.Start(ctx)
		case "stop":
			err = g.top.Shutdown(ctx)
		default:
			if !ok {
				err = sup.ErrNotRunning // was never running
				break
			}
			id := cmd.path[len(scenario.Parent(cmd.path)):]
			id = id[min(len(id), len(id)-len(trimSlash(id))):]
			switch cmd.verb {
			case "terminate":
				err = up.terminate(ctx, id)
			case "restart":
				err = up.restart(ctx, id)
			case "replace":
				err = up.replace(ctx, id)
			case "remove":
				err = up.remove(ctx, id)
			case "delete":
				err = up.delete(ctx, id)
			case "add":
				err = up.add(ctx, scenario.Join(cmd.path, cmd.spec.ID), cmd.spec)
			default:
				panic("no such command: " + cmd.verb)
			}
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.answers = append(g.answers, answer{call: call, at: time.Since(g.began), is: word(err), err: err})
	}()
}

func trimSlash(id string) string {
	if id != "" && id[0] == '/' {
		return id[1:]
	}
	return id
}

// words are the possible answers of calls. The first that matches applies.
var words = []struct {
	err  error
	word string
}{
	{sup.ErrNotRunning, "not_running"},
	{sup.ErrStopped, "stopped"},
	{sup.ErrStart, "failed"},
	{sup.ErrRunning, "running"},
	{sup.ErrRestarting, "restarting"},
	{sup.ErrNotFound, "not_found"},
	{sup.ErrAlreadyRunning, "already_running"},
	{sup.ErrAlreadyDeclared, "already_declared"},
	{sup.ErrMaxChildren, "max_children"},
	{sup.ErrStuck, "stuck"},
	{sup.ErrSpec, "bad_spec"},
}

func word(err error) string {
	if err == nil {
		return "ok"
	}
	for _, w := range words {
		if errors.Is(err, w.err) {
			return w.word
		}
	}
	return err.Error()
}

func (g *stage) howEnded() string {
	select {
	case <-g.top.Done():
	default:
		return ""
	}
	err := g.top.Err()
	switch {
	case err == nil:
		return sup.ExitNormal.String()
	case errors.Is(err, sup.ErrIntensity) || errors.Is(err, sup.ErrStuck):
		return sup.ExitAbnormal.String()
	case errors.Is(err, sup.ErrStart):
		return "start failed"
	}
	return err.Error()
}

// snapshot formats the tree as the model does, and checks the handles.
func (g *stage) snapshot() (lines []string) {
	tree := g.top.Snapshot()
	if !tree.Running && len(tree.Children) == 0 {
		return nil
	}
	var show func(path string, s sup.SupervisorInfo)
	show = func(path string, s sup.SupervisorInfo) {
		counts := s.Restarts
		if s.Intensity.Restarts < 0 {
			counts = 0
		}
		lines = append(lines, fmt.Sprintf("%s/ %d", path, counts)) // compare omits it where the model has none
		for _, c := range s.Children {
			at := scenario.Join(path, c.ID)
			lines = append(lines, childLine(at, c.State, c.Incarnation, c.Restarts, c.LastExit.Kind))
			g.checkHandle(path, c)
			if c.Supervisor != nil && (c.State == sup.StateRunning || c.State == sup.StateStopping) {
				show(at, *c.Supervisor)
			}
		}
	}
	show("", tree)
	return lines
}

// checkHandle checks that Get returns the worker that is ready, and never one that has
// ended (H1).
func (g *stage) checkHandle(path string, c sup.ChildInfo) {
	at := scenario.Join(path, c.ID)
	p, ok := g.sups[path].get(c.ID)
	worker := c.Kind == sup.KindWorker
	switch {
	case c.State == sup.StateRunning && (!ok || worker && (p != g.live[at] || p == nil)):
		g.wrong = append(g.wrong, fmt.Sprintf("%s is running, and Get returns %v, %v (H1)", at, p, ok))
	case c.State != sup.StateRunning && c.State != sup.StateStopping && c.State != sup.StateStuck && ok:
		g.wrong = append(g.wrong, fmt.Sprintf("%s is %v, and Get returns it (H1)", at, c.State))
	case ok && worker && p.ended:
		g.wrong = append(g.wrong, fmt.Sprintf("%s has ended, and Get returns it (H1)", at))
	}
}

// finish ends what is left of a case, in any state.
func (g *stage) finish() {
	done := make(chan error, 1)
	go func() { done <- g.top.Shutdown(context.Background()) }()
	for range 1000 {
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				g.complain("Shutdown returned %v", err)
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.players > 0 {
				g.wrong = append(g.wrong, fmt.Sprintf("%d workers are running after Shutdown returned (X8)", g.players))
			}
			slices.Sort(g.wrong)
			return
		default:
		}
		g.perform(command{verb: "release"})
		time.Sleep(time.Minute)
	}
	g.complain("Shutdown has not returned")
}
