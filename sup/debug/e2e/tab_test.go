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

	"github.com/espalier-go/espalier/internal/patience"
)

// A tab is a browser tab with the page of a handler.
type tab struct {
	t      *testing.T
	ctx    context.Context
	server *httptest.Server

	mu       sync.Mutex // guards the fields below
	errors   []string
	expected map[string]bool // sources of errors that the test causes
}

// within is the timeout of every wait for the page. It is reached only if a test fails.
const within = patience.Bound

// open opens the page of a handler. The test fails if there are errors or warnings on the
// console.
func open(t *testing.T, h http.Handler, set ...step) *tab {
	t.Helper()
	needBrowser(t)
	p := &tab{t: t, server: httptest.NewServer(h), expected: make(map[string]bool)}
	t.Cleanup(p.server.Close)
	var closeTab context.CancelFunc
	p.ctx, closeTab = chromedp.NewContext(browser)
	messages := chromedp.Console(p.ctx)
	var listening sync.WaitGroup
	listening.Go(func() {
		for message, err := range messages {
			if err == nil {
				p.record(message)
			}
		}
	})
	t.Cleanup(func() {
		closeTab()
		listening.Wait()
		p.server.CloseClientConnections() // streams
		for _, e := range p.errors {
			t.Errorf("console: %s", e)
		}
	})
	p.do(append(set, chromedp.Navigate(p.server.URL))...)
	p.until(`document.getElementById('connection').textContent === 'live'`)
	return p
}

// A step is an action in the browser.
type step = chromedp.Action[chromedp.Void]

// record keeps errors and warnings on the console.
func (p *tab) record(m chromedp.ConsoleMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m.Type {
	case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException:
		if !p.expected[m.Source] {
			p.errors = append(p.errors, fmt.Sprintf("%s: %v %s", m.Source, m, m.URL))
		}
	}
}

// expect ignores errors of a source.
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

// eval evaluates an expression and returns its value. It waits for a promise.
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
		if eval[bool](p, `(() => { try { return !!(`+expression+`) } catch { return false } })()`) { // the elements may not exist yet
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("not within 30s: %s; the page has:\n%s", expression, eval[string](p, `document.body.innerText`))
		}
	}
}

// eventually waits for a condition outside the page.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30s: %s", what)
		}
	}
}

// click clicks an element once it is visible.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// choose clicks a row until the panel shows it. A failure is listed above the tree,
// and may move the row between a look at it and the click.
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
	p.t.Fatalf("no effect of clicks on %s", path)
}

// row returns the expression for the row of a path.
func row(path string) string { return `document.querySelector('` + rowSelector(path) + `')` }

func rowSelector(path string) string { return fmt.Sprintf(`.row[data-path=%q]`, path) }

// dark and light set the preferred color scheme.
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

// phone sets a small touch screen.
var phone = chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateTouch)

// inspect checks the accessibility of the page with axe-core.
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
		p.t.Errorf("%s: only %d rules passed", what, found.Passes)
	}
	for _, v := range found.Violations {
		p.t.Errorf("%s: not accessible: %s", what, v)
	}
}
