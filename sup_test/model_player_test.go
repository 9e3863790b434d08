package sup_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// player is a worker that behaves as its branch says.
type player struct {
	g    *stage
	path string
	b    *branch
	inc  int
	n    int // number of the attempt
	die  chan string

	// Guarded by g.mu.
	let   chan struct{} // closed to release the player, and made anew
	known chan struct{} // closed when its supervisor may learn of its end; nil if there is no such wait
	ended bool
}

var errTold = errors.New("told to fail")

func (g *stage) player(ctx context.Context, path string, b *branch) (*player, error) {
	p := &player{g: g, path: path, b: b, inc: sup.Incarnation(ctx), die: make(chan string, 1), let: make(chan struct{})}
	g.mu.Lock()
	g.attempts[path]++
	p.n = g.attempts[path]
	if old := g.live[path]; old != nil && old.b.Stuck == sup.StuckWait {
		g.wrong = append(g.wrong, path+" has two incarnations at once (X6)")
	}
	g.mu.Unlock()
	switch {
	case b.Faults.Ignore.Has(p.n):
		if b.Faults.Hold.Has(p.n) && !p.held(ctx) {
			return nil, ctx.Err()
		}
		p.emit("ignore")
		return nil, sup.ErrIgnore
	case b.Faults.FailAt(p.n) == "start":
		p.emit("init_fail")
		return nil, errTold
	}
	g.mu.Lock()
	g.live[path] = p
	g.players++
	g.mu.Unlock()
	return p, nil
}

// held waits in a start function until the player is released. It returns false if the
// player was asked to stop first.
func (p *player) held(ctx context.Context) bool {
	p.g.mu.Lock()
	before := p.g.live[p.path]
	p.g.live[p.path] = p
	let := p.let
	p.g.mu.Unlock()
	p.emit("init")
	defer func() {
		p.g.mu.Lock()
		defer p.g.mu.Unlock()
		p.g.live[p.path] = before
	}()
	select {
	case <-let:
		return true
	case <-ctx.Done():
		p.emit("init_cancel")
		return false
	}
}

func (p *player) emit(what string) { p.g.emit(what, p.path, p.inc) }

// Terminate is the last step of a worker that was made, whatever it did (W2).
func (p *player) Terminate(context.Context, sup.Exit) error {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.ended = true
	p.g.players--
	if p.g.live[p.path] == p {
		delete(p.g.live, p.path)
	}
	return nil
}

func (p *player) Initialize(ctx context.Context) error {
	how := p.b.Faults
	hang, hold := how.HangAt(p.n), how.Hold.Has(p.n)
	if how.Slow > 0 || hang || hold {
		p.emit("init")
		var over <-chan time.Time
		if !hang && !hold {
			over = time.After(how.Slow)
		}
		let, _ := p.waits()
		select {
		case <-over:
		case <-let:
		case <-ctx.Done():
			p.emit("init_cancel")
			return ctx.Err()
		}
	}
	if fails := how.FailAt(p.n); fails != "" {
		p.emit("init_fail")
		return misbehave(fails)
	}
	p.emit("start")
	return nil
}

func (p *player) Run(ctx context.Context) error {
	select {
	case how := <-p.die:
		p.emit("die " + how)
		p.g.mu.Lock()
		known := p.known
		p.g.mu.Unlock()
		if known != nil {
			<-known
		}
		return misbehave(how)
	case <-ctx.Done():
	}
	let, released := p.waits()
	switch {
	case p.b.Shutdown == sup.Brutal: // nothing is reported of it
		return ctx.Err()
	case p.b.Faults.Mute:
		<-released
		return ctx.Err()
	}
	p.emit("stop_begin")
	switch how := p.b.Faults; {
	case how.IgnoresStop:
		select {
		case <-released:
		case <-let:
		}
	case how.Stop > 0:
		time.Sleep(how.Stop)
	}
	p.emit("stop")
	if p.b.Faults.Badly {
		return errTold
	}
	return ctx.Err()
}

// waits returns the channel that releases the player, and the one that releases all
// players.
func (p *player) waits() (let, released <-chan struct{}) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	return p.let, p.g.released
}

// misbehave ends a worker's function in one of the possible ways (W3, W4).
func misbehave(how string) error {
	switch how {
	case "normal":
		return nil
	case "shutdown":
		return sup.ErrShutdown
	case "canceled":
		return context.Canceled
	case "panic":
		panic(errTold)
	case "exhausted":
		return fmt.Errorf("told to fail: %w", &fs.PathError{Op: "open", Path: "/dev/null", Err: syscall.EMFILE})
	case "goexit":
		runtime.Goexit()
	}
	return errTold
}
