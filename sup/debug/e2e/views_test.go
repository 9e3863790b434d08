package e2e

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// text returns the expression for the text of an element.
func text(id string) string { return `document.getElementById('` + id + `').textContent` }

func TestTheEventsAreFiltered(t *testing.T) {
	s, h := startShop(t)
	crash(t, s.Child("search"), errRefused)
	p := open(t, h)
	p.click("#tab-events")
	rows := `[...document.querySelectorAll('#log tr')].map(r => r.cells[1].textContent + ' ' + r.cells[2].textContent)`
	p.until(rows + `.includes('child starting shop/database')`)
	p.do(chromedp.SetValue(chromedp.CSS(`#log-kinds`), "bad"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById('log-kinds').dispatchEvent(new Event('input'))`))
	p.until(rows + `.join() === 'child exited shop/search'`)
	p.do(chromedp.SendKeys(chromedp.CSS(`#log-part`), "no such child"))
	p.until(rows + `.length === 0`)
	p.do(chromedp.SetValue(chromedp.CSS(`#log-kinds`), "all"), chromedp.SetValue(chromedp.CSS(`#log-part`), "plugins"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById('log-part').dispatchEvent(new Event('input'))`))
	p.until(`[...document.querySelectorAll('#log tr')].some(r => r.textContent.includes('because of shop/search'))`)

	p.click(`#log-pause`)
	before := eval[int](p, rows+`.length`)
	crash(t, s.Child("search"), errRefused)
	p.click("#tab-tree")
	p.until(row("shop/search") + `.textContent.includes('#3')`)
	p.click("#tab-events")
	p.until(fmt.Sprintf(`%s.length === %d`, rows, before)) // paused
	p.click(`#log-pause`)
	p.until(fmt.Sprintf(`%s.length > %d`, rows, before))

	p.click(`#log button`)
	p.until(text("child-where") + ` === 'shop/plugins'`)
}

func TestTheHeadingsExplainThemselves(t *testing.T) {
	_, h := startShop(t)
	p := open(t, h)
	hint := `(document.getElementById('hint').hidden ? '' : ` + text("hint") + `)`
	heading := func(view, name string) string {
		return fmt.Sprintf(`[...document.querySelectorAll('#%s [data-hint]')].find(e => e.textContent === %q)`, view, name)
	}
	for _, of := range []struct{ view, name, says string }{
		{"forest", "Restarts", "how many are allowed"},
		{"forest", "For", "in this state"},
		{"view-events", "Details", "the wait before the next one"},
	} {
		if of.view == "view-events" {
			p.click("#tab-events")
		}
		p.do(chromedp.Evaluate[chromedp.Void](heading(of.view, of.name) + `.focus()`))
		p.until(fmt.Sprintf(`%s.includes(%q) && document.activeElement.getAttribute('aria-describedby') === 'hint'`, hint, of.says))
		p.inspect("the explanation of " + of.name)
		p.do(chromedp.KeyEvent(kb.Escape))
		p.until(hint + ` === ''`)
		p.do(chromedp.Evaluate[chromedp.Void](heading(of.view, of.name) + `.dispatchEvent(new PointerEvent('pointerenter'))`))
		p.until(fmt.Sprintf(`%s.includes(%q)`, hint, of.says))
		p.do(chromedp.Evaluate[chromedp.Void](heading(of.view, of.name) + `.dispatchEvent(new PointerEvent('pointerleave'))`))
		p.until(hint + ` === ''`)
	}
	if n := eval[int](p, `document.querySelectorAll('th').length - document.querySelectorAll('th [data-hint]').length`); n != 0 {
		t.Errorf("%d headings of tables have no explanation", n)
	}
	if got := eval[string](p, `document.querySelector('#product').textContent`); got != "espalier · documentation" {
		t.Errorf("the product is called %q", got)
	}
}

// A page that is opened late says nothing of the past until it has it.
func TestNothingIsClaimedBeforeTheRecordedEventsHaveCome(t *testing.T) {
	_, h := startShop(t)
	p := open(t, h)
	p.until(text("trouble-list") + ` === 'No failures on record.'`)
	shown := eval[string](p, `Promise.all([import('/model.js'), import('/page.js')]).then(([model, page]) => {
		model.apply({now: Date.now(), backlog: true});
		page.drawAll();
		return document.getElementById('trouble-title').textContent + document.getElementById('trouble-list').textContent;
	})`)
	if shown != "Reading the recorded events …Earlier failures are not known yet." {
		t.Errorf("the page claims %q", shown)
	}
}

func TestTheFlightRecordIsFetched(t *testing.T) {
	s, h := startShop(t)
	crash(t, s.Child("search"), errRefused)
	p := open(t, h)
	p.click("#tab-events")
	record := eval[string](p, `fetch(document.getElementById('log-record').href).then(r => r.text())`)
	if !strings.Contains(record, "connection refused") {
		t.Errorf("no crash in the record: %s", record)
	}
}

func TestChangesOfAContextAppearOnThePage(t *testing.T) {
	prices, secrets := new(kv.Context[string, int]), new(kv.Context[string, string])
	prices.Set("apples", 3)
	secrets.Set("password", "open sesame")
	_, h := startShop(t, debug.Values("prices", prices), debug.Keys("secrets", secrets))
	p := open(t, h)
	p.click("#tab-state")
	p.until(text("state") + `.includes('apples')`)
	prices.Set("apples", 42)
	p.until(text("state") + `.includes('42')`)
	p.until(`document.querySelector('#state tr').cells[2].textContent === '1'`) // one change
	prices.Set("pears", 7)
	p.until(text("state") + `.includes('pears')`)
	prices.Delete("apples")
	p.until(`!` + text("state") + `.includes('apples')`)
	p.until(text("state-found") + ` === '1 key'`)

	p.do(chromedp.SetValue(chromedp.CSS(`#state-name`), "secrets"),
		chromedp.Evaluate[chromedp.Void](`document.getElementById('state-name').dispatchEvent(new Event('input'))`))
	p.until(text("state") + `.includes('password')`)
	secrets.Set("password", "open wheat")
	p.until(`document.querySelector('#state tr').cells[2].textContent === '1'`)
	if eval[bool](p, `document.documentElement.outerHTML.includes('wheat')`) {
		t.Error("a value of a context given with Keys is shown")
	}
}

func TestThePageSaysWhyASupervisorGaveUp(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	resize := plugin(t, s, "resize")
	for range 6 { // one more than its intensity allows
		crash(t, resize, errRefused)
	}
	p.until(row("shop/plugins") + `.textContent.includes('#2')`)
	p.choose("shop/plugins")
	p.until(text("child-exits") + `.includes('gave up because of shop/plugins/resize')`)
	p.choose("shop/plugins/resize")
	p.until(text("child-exits") + `.includes('supervisor shop/plugins gave up')`)
}

func TestThePageSaysThatATreeHasEnded(t *testing.T) {
	s, h := startShop(t)
	p := open(t, h)
	p.choose("shop")
	p.click(`[data-op=shutdown]`)
	p.do(chromedp.KeyEvent(kb.Escape)) // cancels
	p.until(`!document.getElementById('confirm').open`)
	p.click(`[data-op=shutdown]`)
	p.click(`#confirm-yes`)
	p.until(row("shop") + `.textContent.includes('not running')`)
	<-s.Done()
	p.until(`document.querySelector('[data-op=shutdown]').disabled`)
}

func TestARemovedChildDisappearsFromThePage(t *testing.T) {
	set := seats(t, 3)
	const odd = "1/2 % <b>"
	if _, err := set.StartChild(t.Context(), odd); err != nil {
		t.Fatal(err)
	}
	p := open(t, debug.Handler(sup.Inspect(set), debug.Operator(sup.Control(set), allowAll)))
	path := sup.ChildPath("seats", odd)
	p.until(row(path) + `.querySelector('.name').textContent === '1/2 % <b>'`)
	p.choose(path)
	p.click(`[data-op=restart]`)
	p.click(`#confirm-yes`)
	p.until(row(path) + `.textContent.includes('#2')`)
	if err := set.RemoveChild(context.Background(), odd); err != nil {
		t.Fatal(err)
	}
	p.until(`!` + row(path))
	p.until(text("child-facts") + `.includes('removed')`)
}

// A leaker leaks a goroutine.
type leaker struct{}

func (leaker) Run(ctx context.Context) error {
	never := make(chan int)
	go func() { <-never }()
	<-ctx.Done()
	return ctx.Err()
}

func TestLeakedGoroutinesAreShownByIncarnation(t *testing.T) {
	needBrowser(t)
	s, err := sup.Start(context.Background(), sup.Spec[leaker]{Name: "hall", Labels: true, Children: []sup.ChildSpec[leaker]{
		{ID: "one", Start: func(context.Context) (leaker, error) { return leaker{}, nil }},
	}})
	started(t, s, err)
	for range 2 {
		if err := s.TerminateChild(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
		if err := s.RestartChild(t.Context(), "one"); err != nil {
			t.Fatal(err)
		}
	}
	p := open(t, debug.Handler(sup.Inspect(s)))
	p.choose("hall/one")
	if pprof.Lookup("goroutineleak") == nil { // make e2e enables it
		p.until(`document.getElementById('child-leaks').hidden`)
		return
	}
	p.click(`#child-leaks`)
	for _, incarnation := range []int{1, 2} {
		p.until(fmt.Sprintf(`%s.includes('incarnation %d: 1 goroutine')`, text("child-goroutines"), incarnation))
	}
	p.until(text("child-goroutines") + `.includes('leaker.Run.func1')`)
}
