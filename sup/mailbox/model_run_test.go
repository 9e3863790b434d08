package mailbox_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"sort"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// TestTheMailboxDoesWhatTheModelSays does random things to a mailbox and to the
// model, and compares after each what everybody was told. It runs the same cases
// each time; -rapid.seed and -rapid.checks make others.
func TestTheMailboxDoesWhatTheModelSays(t *testing.T) {
	for name, value := range map[string]string{"rapid.checks": "2000", "rapid.seed": "1", "rapid.nofailfile": "true"} {
		preset(t, name, value)
	}
	step := rapid.Custom(func(rt *rapid.T) command {
		return command{
			what: rapid.SampledFrom(commands).Draw(rt, "what"),
			who:  rapid.IntRange(0, 7).Draw(rt, "who"),
			how:  rapid.IntRange(0, 7).Draw(rt, "how"),
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 80).Draw(rt, "n")
		steps := rapid.SliceOfN(step, n, n).Draw(rt, "steps")
		if diff := follow(t, steps); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// preset sets a flag for the time of a test, unless it was given.
func preset(t *testing.T, name, value string) {
	f := flag.Lookup(name)
	given := false
	flag.Visit(func(g *flag.Flag) { given = given || g == f })
	if given {
		return
	}
	old := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

// A command is what is done, to the who-th of those to whom it can be done.
type command struct {
	what     string
	who, how int
}

// commands are what a command can do; what stands here twice comes twice as often.
var commands = []string{"send", "send", "try send", "ask", "receive", "try receive", "process", "process",
	"end", "end", "end", "cancel", "capacity", "close"}

// ends are how a function of Process can end.
var ends = []string{"ok", "ok", "ok", "error", "error", "panic", "Goexit", "error"}

// mail is a message: a plain one or a request.
type mail struct {
	id   int
	call *mailbox.Call[int, int]
}

// world is a mailbox, the calls that are under way, and the model of all that.
type world struct {
	box     *mailbox.Mailbox[mail]
	model   *model
	sent    int
	started int
	actors  map[*party]*actor
	mu      sync.Mutex
	told    []string
}

// An actor is a party in its own goroutine.
type actor struct {
	*party
	cancel context.CancelCauseFunc
	end    chan string // how the function of a Process ends
}

// follow takes the steps in a bubble of their own, and returns what is different.
// A failure is a value, so that rapid can look for a smaller one.
func follow(t *testing.T, steps []command) (diff string) {
	defer func() {
		if p := recover(); p != nil {
			diff = fmt.Sprint(p)
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w := &world{box: mailbox.New[mail](2), model: &model{capacity: 2}, actors: make(map[*party]*actor)}
		defer func() {
			for _, a := range w.actors {
				a.cancel(errStop)
			}
			synctest.Wait()
		}()
		for i, c := range steps {
			w.do(c)
			synctest.Wait()
			if diff = cmp.Diff(w.model.take(), w.take()); diff == "" && w.box.Len() != len(w.model.queue) {
				diff = fmt.Sprintf("Len is %d, want %d", w.box.Len(), len(w.model.queue))
			}
			if diff != "" {
				diff = fmt.Sprintf("after %v (-want +got):\n%s", steps[:i+1], diff)
				return
			}
		}
	})
	return diff
}

var errStop = errors.New("stop")

func (w *world) tell(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	sort.Strings(told)
	return told
}

// do does a command to both.
func (w *world) do(c command) {
	switch c.what {
	case "send", "try send", "ask":
		w.send(c.what)
	case "receive", "try receive":
		w.receive(c.what)
	case "process":
		w.process(1 + c.how%3)
	case "end":
		holders := w.model.with(func(p *party) bool { return p.holds != nil })
		if len(holders) > 0 {
			p := holders[c.who%len(holders)]
			w.actors[p].end <- ends[c.how]
			w.model.done(p, ends[c.how])
		}
	case "cancel":
		if all := w.model.with(func(*party) bool { return true }); len(all) > 0 {
			p := all[c.who%len(all)]
			w.actors[p].cancel(errStop)
			w.model.cancel(p)
		}
	case "capacity":
		w.box.SetCapacity(1 + c.how%4)
		w.model.capacity = 1 + c.how%4
		w.model.admitWaiting()
	case "close":
		if c.how == 0 { // or most of a case would be about a closed one
			w.box.Close()
			w.model.close()
		}
	}
}

// begin lets a new party act.
func (w *world) begin(what string, act func(ctx context.Context, a *actor) string) *party {
	w.started++
	ctx, cancel := context.WithCancelCause(context.Background())
	a := &actor{&party{name: fmt.Sprintf("%s %02d", what, w.started)}, cancel, make(chan string)}
	w.actors[a.party] = a
	w.model.parties = append(w.model.parties, a.party)
	go func() {
		how := "Goexit"
		defer func() {
			if p := recover(); p != nil {
				how = "panic"
			}
			w.tell("%s: %s", a.name, how)
		}()
		how = act(ctx, a)
	}()
	return a.party
}

func (w *world) send(what string) {
	w.sent++
	l := &letter{id: w.sent, asked: what == "ask"}
	p := w.begin(what, func(ctx context.Context, _ *actor) string {
		switch what {
		case "send":
			return wordOf(w.box.Send(ctx, mail{id: l.id}), "sent")
		case "try send":
			return wordOf(w.box.TrySend(mail{id: l.id}), "sent")
		}
		reply, err := mailbox.AskAs(ctx, w.box, l.id, func(c mailbox.Call[int, int]) mail { return mail{l.id, &c} })
		return wordOf(err, fmt.Sprint("reply ", reply))
	})
	if p.sends = l; l.asked {
		l.asker = p
	}
	switch {
	case w.model.enter(p, l):
	case what == "try send":
		w.model.end(p, "full")
	default:
		w.model.senders = append(w.model.senders, p)
	}
}

func (w *world) receive(what string) {
	p := w.begin(what, func(ctx context.Context, _ *actor) string {
		receive := func(context.Context) (mail, error) { return w.box.TryReceive() }
		if what == "receive" {
			receive = w.box.Receive
		}
		m, err := receive(ctx)
		return wordOf(err, fmt.Sprint("got ", m.id))
	})
	switch {
	case w.model.receive(p):
	case what == "try receive":
		w.model.end(p, "empty")
	default:
		w.model.receivers = append(w.model.receivers, p)
	}
}

func (w *world) process(most int) {
	p := w.begin("process", func(ctx context.Context, a *actor) string {
		finish := func(ctx context.Context) error {
			select {
			case how := <-a.end:
				switch how {
				case "error":
					return errBoom
				case "panic":
					panic(errBoom)
				case "Goexit":
					runtime.Goexit()
				}
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return wordOf(w.box.Process(ctx, func(ctx context.Context, m mail) error {
			w.tell("%s processes %d", a.name, m.id)
			err := finish(ctx)
			if err == nil && m.call != nil {
				m.call.Reply(m.id)
			}
			return err
		}, mailbox.Policy[mail]{Deliveries: most, DeadLetter: func(ctx context.Context, l mailbox.DeadLetter[mail]) error {
			w.tell("%s buries %d, delivered %d times", a.name, l.Message.id, l.Deliveries)
			return finish(ctx)
		}}), "closed")
	})
	p.most = most
	if !w.model.receive(p) {
		w.model.receivers = append(w.model.receivers, p)
	}
}

// wordOf is what the model calls an error, or ok.
func wordOf(err error, ok string) string {
	if err == nil {
		return ok
	}
	word := ""
	for _, known := range []struct {
		err  error
		word string
	}{
		{mailbox.ErrNoReply, "no reply: "}, {errBoom, "error"}, {errStop, "cancelled"}, {sup.ErrGoexit, "Goexit"},
		{mailbox.ErrClosed, "closed"}, {mailbox.ErrFull, "full"}, {mailbox.ErrEmpty, "empty"},
	} {
		switch {
		case known.err == errBoom && errors.Is(err, sup.ErrPanic):
			word += "panic"
		case errors.Is(err, known.err):
			word += known.word
		}
	}
	return word
}
