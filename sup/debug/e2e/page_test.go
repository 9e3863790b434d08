package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/google/go-cmp/cmp"
)

func TestACrashIsSeenWithItsReason(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.until(row("shop/cache") + `.textContent.includes('#1')`)
	p.until(`document.getElementById('trouble-title').textContent === 'Nothing is failing'`)
	crash(t, s.Child("cache"), errRefused)
	p.until(row("shop/cache") + `.textContent.includes('#2')`)
	p.until(`document.getElementById('trouble-title').textContent.startsWith('Nothing is failing · failed in the last minute')`)
	p.until(row("shop/cache") + `.textContent.includes('connection refused')`)
	p.until(row("shop/search") + `.textContent.includes('#2')`) // restarted because of it
	trouble := `document.querySelector('#trouble-list [data-path="shop/cache"]').textContent`
	p.until(trouble + `.includes('connection refused')`)
	crash(t, s.Child("cache"), errRefused)
	p.until(trouble + `.includes('2 failures')`)
	p.until(row("shop") + `.textContent.includes('/8 in 5s')`)
}

func TestTheHistoryOfAChildSaysWhatAnExitLedTo(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	crash(t, s.Child("cache"), errPanic)
	p.choose("shop/cache")
	exits := `document.getElementById('child-exits').textContent`
	p.until(exits + `.includes('panic: index out of range')`)
	p.until(exits + `.includes('restarted as incarnation 2')`)
	p.until(exits + `.includes('with it were restarted: shop/plugins, shop/search')`)
	p.until(exits + `.includes('(*worker).Run')`) // the stack
	p.choose("shop/search")
	p.until(exits + `.includes('stopped for the restart of shop/cache')`)
}

func TestAQuarantinedPluginIsOnTopOfWhatIsFailing(t *testing.T) {
	s, h := startShop(t)
	for range 3 {
		crash(t, plugin(t, s, "thumbnail"), errRefused)
	}
	p := open(t, h) // from what is on record
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
	if d := cmp.Diff([]int{1, 1, 2, 1}, lives(s, "database", "cache", "search", "plugins")); d != "" {
		t.Error(d)
	}
	p.until(row("shop/search") + `.textContent.includes('#2')`)
	p.click(`[data-op=terminate]:enabled`)
	p.click(`#confirm-yes`)
	p.until(row("shop/search") + `.textContent.includes('stopped')`)
	p.click(`[data-op=restart]`) // says Start now, and needs no consent
	p.until(row("shop/search") + `.textContent.includes('running')`)
	if d := cmp.Diff([]int{1, 1, 3, 1}, lives(s, "database", "cache", "search", "plugins")); d != "" {
		t.Error(d)
	}
}

func TestAClickThatComesTooLateDoesNothing(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.expect("network") // the browser reports the refusal
	p.choose("shop/plugins")
	p.click(`[data-op=shutdown]`)
	crash(t, s.Child("search"), errRefused) // and with it plugins, which is another life now
	p.click(`#confirm-yes`)
	p.until(`document.getElementById('child-answer').textContent.includes('not the current incarnation')`)
	if info, _ := s.Child("plugins").Info(); info.State != sup.StateRunning || info.Incarnation != 2 {
		t.Errorf("%v, incarnation %d", info.State, info.Incarnation)
	}
}

func TestThereAreNoButtonsForWhoMayNotPressThem(t *testing.T) {
	s, _ := startShop(t)
	p := open(t, debug.Handler(sup.Inspect(s)))
	p.choose("shop/cache")
	p.until(`document.getElementById('child-facts').textContent.includes('permanent')`)
	if n := eval[int](p, `document.querySelectorAll('[data-op]').length`); n != 0 {
		t.Errorf("%d buttons", n)
	}

	refusing := debug.Operator(sup.Control(s), func(*http.Request) error { return fmt.Errorf("ask the people of the night shift") })
	q := open(t, debug.Handler(sup.Inspect(s), refusing))
	q.expect("network")
	q.choose("shop/cache")
	q.click(`[data-op=restart]`)
	q.click(`#confirm-yes`)
	q.until(`document.getElementById('child-answer').textContent === 'ask the people of the night shift'`)
	if d := cmp.Diff([]int{1}, lives(s, "cache")); d != "" {
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

func TestTheTreeIsWalkedWithTheKeys(t *testing.T) {
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
		{kb.ArrowDown, "shop/plugins"}, // there is nothing below any more
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

// A gate lets a stream through, or not.
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

func TestAStreamThatIsCutGoesOnWhereItWas(t *testing.T) {
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

	lost(false) // the browser comes back by itself
	crash(t, s.Child("database"), errRefused)
	p.until(`document.getElementById('connection').className === 'live'`)
	p.until(row("shop/database") + `.textContent.includes('#3')`)

	lost(true) // it meets an error, and gives up; the page does not
	crash(t, s.Child("database"), errRefused)
	g.closed.Store(false)
	p.until(`document.getElementById('connection').className === 'live'`)
	p.until(row("shop/database") + `.textContent.includes('#4')`)

	p.click("#tab-events")
	want := 0
	for _, e := range s.Recorded() {
		if e.Kind == sup.ChildExited {
			want++
		}
	}
	exits := `[...document.querySelectorAll('#log tr')].filter(r => r.cells[1].textContent === 'child exited').length`
	p.until(fmt.Sprintf("%s === %d", exits, want)) // each once: none is missing, none was told again
}
