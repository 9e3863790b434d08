package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// A tab has the page of a handler open.
type tab struct {
	t      *testing.T
	ctx    context.Context
	server *httptest.Server

	mu       sync.Mutex // protects what follows
	errors   []string
	expected map[string]bool // sources of errors that the test brings about
}

// within is how long the page has for what it is to do. It is never reached
// unless something is wrong.
const within = 30 * time.Second

// open opens a page, which must not have a word to say on the console.
func open(t *testing.T, h http.Handler, set ...step) *tab {
	t.Helper()
	needBrowser(t)
	p := &tab{t: t, server: httptest.NewServer(h), expected: make(map[string]bool)}
	t.Cleanup(p.server.Close)
	var closeTab context.CancelFunc
	p.ctx, closeTab = chromedp.NewContext(browser)
	said := chromedp.Console(p.ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for message, err := range said {
			if err == nil {
				p.hear(message)
			}
		}
	})
	t.Cleanup(func() {
		closeTab()
		listening.Wait()
		p.server.CloseClientConnections() // streams
		for _, e := range p.errors {
			t.Errorf("the console says: %s", e)
		}
	})
	p.do(append(set, chromedp.Navigate(p.server.URL))...)
	p.until(`document.getElementById('connection').textContent === 'live'`)
	return p
}

// A step is something to do in the browser.
type step = chromedp.Action[chromedp.Void]

// hear takes what the page says on the console.
func (p *tab) hear(m chromedp.ConsoleMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m.Type {
	case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException:
		if !p.expected[m.Source] {
			p.errors = append(p.errors, fmt.Sprintf("%s: %v %s", m.Source, m, m.URL))
		}
	}
}

// expect lets errors of a source pass.
func (p *tab) expect(source string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected[source] = true
}

func (p *tab) do(steps ...step) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// eval evaluates an expression, waits for it if it is a promise, and returns its
// value.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression[:min(len(expression), 200)], err)
	}
	return value
}

// until waits until an expression is true.
func (p *tab) until(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](p, `(() => { try { return !!(`+expression+`) } catch { return false } })()`) { // what it looks at may not be there yet
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not come about that %s; the page says:\n%s", expression, eval[string](p, `document.body.innerText`))
		}
	}
}

// eventually waits until something outside of the page is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come about that %s", what)
		}
	}
}

// click clicks what a selector finds, once it can be seen.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// choose clicks a row. What fails meanwhile is listed above the tree, and may
// move it away under the click.
func (p *tab) choose(path string) {
	p.t.Helper()
	chosen := fmt.Sprintf(`document.getElementById('child-where').textContent === %q`, path)
	for deadline := time.Now().Add(within); time.Now().Before(deadline); {
		p.click(rowSelector(path))
		for range 10 {
			if eval[bool](p, chosen) {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	p.t.Fatalf("%s is clicked in vain", path)
}

// row is the expression of the row of a path.
func row(path string) string { return `document.querySelector('` + rowSelector(path) + `')` }

func rowSelector(path string) string { return fmt.Sprintf(`.row[data-path=%q]`, path) }

// dark and light are what the reader prefers.
var (
	dark  = preference("dark")
	light = preference("light")
)

func preference(scheme string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// phone is a small screen that is touched.
var phone = chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)

// inspect checks with axe-core that the page as it stands is accessible.
func (p *tab) inspect(what string) {
	p.t.Helper()
	if !eval[bool](p, `'axe' in window`) {
		p.do(chromedp.Evaluate[chromedp.Void](axe))
	}
	result := eval[string](p, `axe.run(document).then(r => JSON.stringify({passes: r.passes.length, violations: r.violations.map(v =>
		({rule: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 5).map(n => n.html + ' ' + n.failureSummary)}))}))`)
	var found struct {
		Passes     int
		Violations []json.RawMessage
	}
	if err := json.Unmarshal([]byte(result), &found); err != nil {
		p.t.Fatal(err)
	}
	if found.Passes < 10 {
		p.t.Errorf("%s: only %d rules were found kept", what, found.Passes)
	}
	for _, v := range found.Violations {
		p.t.Errorf("%s: not accessible: %s", what, v)
	}
}
