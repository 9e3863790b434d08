package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

func TestACrashAppearsWithItsReason(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.until(row("shop/cache") + `.textContent.includes('#1')`)
	p.until(`document.getElementById('trouble-title').textContent === 'No failures'`)
	crash(t, s.Child("cache"), errRefused)
	p.until(row("shop/cache") + `.textContent.includes('#2')`)
	p.until(`document.getElementById('trouble-title').textContent.startsWith('No failures · recovered in the last minute')`)
	p.until(row("shop/cache") + `.textContent.includes('connection refused')`)
	p.until(row("shop/search") + `.textContent.includes('#2')`) // restarted in the same round
	trouble := `document.querySelector('#trouble-list [data-path="shop/cache"]').textContent`
	p.until(trouble + `.includes('connection refused')`)
	crash(t, s.Child("cache"), errRefused)
	p.until(trouble + `.includes('failed twice in ')`) // and runs again
	p.until(trouble + `.includes(', up for ')`)
	p.until(`document.getElementById('trouble-title').textContent.startsWith('No failures · recovered in the last minute')`)
	if eval[bool](p, `document.getElementById('trouble').classList.contains('bad') || document.title.startsWith('(')`) {
		t.Error("a child that runs again is shown as failing")
	}
	p.until(row("shop") + `.textContent.includes('/8 in 5s')`)
}

func TestTheHistoryOfAChildHasTheConsequencesOfAnExit(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	crash(t, s.Child("cache"), errPanic)
	p.choose("shop/cache")
	exits := `document.getElementById('child-exits').textContent`
	p.until(exits + `.includes('panic: index out of range')`)
	p.until(exits + `.includes('restarted as incarnation 2')`)
	p.until(exits + `.includes('restarted with this child: shop/plugins, shop/search')`)
	p.until(exits + `.includes('(*worker).Run')`) // the stack
	p.choose("shop/search")
	p.until(exits + `.includes('stopped for the restart of shop/cache')`)
}

func TestAQuarantinedChildIsListedFirst(t *testing.T) {
	s, h := startShop(t)
	for range 3 {
		crash(t, plugin(t, s, "thumbnail"), errRefused)
	}
	p := open(t, h) // from recorded events
	first := `document.querySelector('#trouble-list li').textContent`
	p.until(first + `.includes('shop/plugins/thumbnail')`)
	p.until(first + `.includes('quarantined')`)
	p.until(first + `.includes('connection refused')`)
	p.until(first + `.includes('3 failures')`)
	p.click(`#trouble-list button`)
	p.until(`document.getElementById('child-where').textContent === 'shop/plugins/thumbnail'`)
}

func TestAClickRestartsTheRightChild(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.choose("shop/search")
	p.click(`[data-op=restart]`)
	p.click(`#confirm-yes`)
	p.until(`document.getElementById('child-answer').textContent === 'Restart: done'`)
	if d := cmp.Diff([]int{1, 1, 2, 1}, incarnations(s, "database", "cache", "search", "plugins")); d != "" {
		t.Error(d)
	}
	p.until(row("shop/search") + `.textContent.includes('#2')`)
	p.click(`[data-op=terminate]:enabled`)
	p.click(`#confirm-yes`)
	p.until(row("shop/search") + `.textContent.includes('stopped')`)
	p.click(`[data-op=restart]`) // labelled Start now, without confirmation
	p.until(row("shop/search") + `.textContent.includes('running')`)
	if d := cmp.Diff([]int{1, 1, 3, 1}, incarnations(s, "database", "cache", "search", "plugins")); d != "" {
		t.Error(d)
	}
}

func TestAClickForAnOldIncarnationDoesNothing(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.expect("network") // the browser reports the status
	p.choose("shop/plugins")
	p.click(`[data-op=shutdown]`)
	crash(t, s.Child("search"), errRefused) // restarts plugins too
	p.click(`#confirm-yes`)
	p.until(`document.getElementById('child-answer').textContent.includes('not the current incarnation')`)
	if info, _ := s.Child("plugins").Info(); info.State != sup.StateRunning || info.Incarnation != 2 {
		t.Errorf("%v, incarnation %d", info.State, info.Incarnation)
	}
}

func TestButtonsNeedAnOperator(t *testing.T) {
	s, _ := startShop(t)
	p := open(t, debug.Handler(sup.Inspect(s)))
	p.choose("shop/cache")
	p.until(`document.getElementById('child-facts').textContent.includes('permanent')`)
	if n := eval[int](p, `document.querySelectorAll('[data-op]').length`); n != 0 {
		t.Errorf("%d buttons", n)
	}

	refusing := debug.Operator(sup.Control(s), func(*http.Request) error { return fmt.Errorf("operators only") })
	q := open(t, debug.Handler(sup.Inspect(s), refusing))
	q.expect("network")
	q.choose("shop/cache")
	q.click(`[data-op=restart]`)
	q.click(`#confirm-yes`)
	q.until(`document.getElementById('child-answer').textContent === 'operators only'`)
	if d := cmp.Diff([]int{1}, incarnations(s, "cache")); d != "" {
		t.Error(d)
	}
}

func TestTheGoroutinesOfAChildAreShown(t *testing.T) {
	_, h := startShop(t)
	p := open(t, h)
	p.choose("shop/cache")
	p.click(`#child-stacks`)
	p.until(`document.getElementById('child-goroutines').textContent.includes('(*worker).Run')`)
}

func TestTheTreeIsOperatedByKeyboard(t *testing.T) {
	_, h := startShop(t)
	p := open(t, h)
	active := `document.getElementById(document.getElementById('tree').getAttribute('aria-activedescendant'))`
	p.do(chromedp.Focus(chromedp.CSS("#tree")))
	for _, step := range []struct{ keys, path string }{
		{"", "shop"},
		{kb.ArrowDown, "shop/database"},
		{kb.End, "shop/plugins/watermark"},
		{kb.ArrowLeft, "shop/plugins"},
		{kb.ArrowLeft, "shop/plugins"}, // folded
		{kb.ArrowDown, "shop/plugins"}, // its children are hidden
		{kb.ArrowRight, "shop/plugins"},
		{kb.ArrowRight, "shop/plugins/resize"},
		{kb.Home, "shop"},
		{"c", "shop/cache"},
	} {
		if step.keys != "" {
			p.do(chromedp.KeyEvent(step.keys))
		}
		p.until(fmt.Sprintf("%s.dataset.path === %q", active, step.path))
	}
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(`document.getElementById('child-where').textContent === 'shop/cache'`)
	p.until(active + `.getAttribute('aria-selected') === 'true' && ` + active + `.getAttribute('aria-level') === '2'`)
}

// A gate can deny streams.
type gate struct {
	http.Handler
	closed atomic.Bool
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.closed.Load() && strings.HasSuffix(r.URL.Path, "/events") {
		http.Error(w, "closed", http.StatusBadGateway)
		return
	}
	g.Handler.ServeHTTP(w, r)
}

func TestAnInterruptedStreamContinuesWithoutAGap(t *testing.T) {
	s, h := startShop(t)
	g := &gate{Handler: h}
	p := open(t, g)
	p.expect("network")
	lost := func(closed bool) {
		g.closed.Store(closed)
		p.server.CloseClientConnections()
		p.until(`document.getElementById('connection').className === 'lost'`)
	}
	crash(t, s.Child("database"), errRefused)
	p.until(row("shop/database") + `.textContent.includes('#2')`)

	lost(false) // the browser reconnects by itself
	crash(t, s.Child("database"), errRefused)
	p.until(`document.getElementById('connection').className === 'live'`)
	p.until(row("shop/database") + `.textContent.includes('#3')`)

	lost(true) // after an HTTP error the browser does not reconnect; the page does
	crash(t, s.Child("database"), errRefused)
	g.closed.Store(false)
	p.until(`document.getElementById('connection').className === 'live'`)
	p.until(row("shop/database") + `.textContent.includes('#4')`)

	p.click("#tab-events")
	want := 0
	for _, e := range recorded(s) {
		if e.Kind == sup.ChildExited {
			want++
		}
	}
	exits := `[...document.querySelectorAll('#log tr')].filter(r => r.cells[1].textContent === 'child exited').length`
	p.until(fmt.Sprintf("%s === %d", exits, want)) // each exactly once
}

// A path identifies a child, so the page escapes it only where it shows it.
func TestBidirectionalControlsInAPathAreEscaped(t *testing.T) {
	const odd = "evil\u202egnp.exe"
	set := seats(t, 1)
	member, err := set.StartChild(t.Context(), odd)
	if err != nil {
		t.Fatal(err)
	}
	prices := new(kv.Context[string, string])
	prices.Set(odd, odd)
	p := open(t, debug.Handler(sup.Inspect(set), debug.Operator(sup.Control(set), allowAll), debug.Values("prices", prices)))
	path := sup.ChildPath("seats", odd)
	rowOfOdd := `[...document.querySelectorAll('.row')].find(r => r.dataset.path === ` + fmt.Sprintf("%+q", path) + `)`
	p.until(rowOfOdd)
	p.do(chromedp.Evaluate[chromedp.Void](rowOfOdd + `.click()`))
	p.until(text("child-where") + ` === 'seats/evil%E2%80%AEgnp.exe'`)
	p.click(`[data-op=restart]`)
	p.click(`#confirm-yes`)
	p.until(rowOfOdd + `.textContent.includes('#2')`)
	crash(t, sup.As[sup.Worker](member), errRefused)
	p.until(text("trouble-list") + `.includes('seats/evil%E2%80%AEgnp.exe')`)
	p.click("#tab-state")
	p.until(text("state") + `.includes('evil\\u202egnp.exe')`)
	p.click("#tab-events")
	p.until(text("log") + `.includes('seats/evil%E2%80%AEgnp.exe')`)
	if eval[bool](p, `document.body.innerText.includes('\u202e') || document.title.includes('\u202e')`) {
		t.Error("a bidirectional control is shown as it is")
	}
}

func TestAnExhaustedHostIsShown(t *testing.T) {
	needBrowser(t)
	starts := 0
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "shop", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "cache", Start: func(ctx context.Context) (sup.Worker, error) {
			if starts++; starts == 2 {
				return nil, fmt.Errorf("open cache.db: %w", syscall.EMFILE)
			}
			return newWorker(ctx)
		}},
	}})
	started(t, s, err)
	p := open(t, debug.Handler(sup.Inspect(s)))
	crash(t, s.Child("cache"), errRefused)
	const note = `start failed: host out of descriptors, memory or processes`
	p.choose("shop/cache")
	p.until(text("child-exits") + `.includes('` + note + `')`)
	p.click("#tab-events")
	p.until(`[...document.querySelectorAll('#log tr')].some(r => r.cells[1].textContent === 'child restarting' && r.textContent.includes('` + note + `'))`)
}

// recorded returns the events of a tree that are on record.
func recorded(s sup.AnySupervisor) (events []sup.Event) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range sup.Inspect(s).Events(ended, "", 0) {
		if err == nil {
			events = append(events, e)
		}
	}
	return events
}
