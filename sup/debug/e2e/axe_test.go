package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup/debug"
)

func TestThePageIsAccessible(t *testing.T) {
	prices := new(kv.Context[string, int])
	prices.Set("apples", 3)
	for _, reader := range []struct {
		name string
		set  []step
	}{
		{"light", []step{light}},
		{"dark", []step{dark}},
		{"phone, light", []step{light, phone}},
		{"phone, dark", []step{dark, phone}},
	} {
		t.Run(reader.name, func(t *testing.T) {
			s, h := startShop(t, debug.Values("prices", prices))
			crash(t, s.Child("cache"), errPanic)
			for range 3 {
				crash(t, plugin(t, s, "thumbnail"), errRefused)
			}
			p := open(t, h, reader.set...)
			p.inspect("the tree")
			p.fits("the tree")
			p.choose("shop/cache")
			p.until(`document.querySelector('#child-exits details')`)
			p.click(`#child-exits summary`)
			p.click(`#child-stacks`)
			p.until(`document.querySelector('#child-goroutines pre')`)
			p.inspect("a child")
			p.fits("a child")
			p.click(`[data-op=terminate]`)
			p.until(`document.getElementById('confirm').open`)
			p.inspect("a confirmation")
			p.do(chromedp.Click(chromedp.CSS(`#confirm [value=no]`)))
			p.click(`#child-close`)
			p.click(`#tab-events`)
			p.until(`document.querySelectorAll('#log tr').length > 10`)
			p.inspect("the events")
			p.fits("the events")
			p.click(`#tab-state`)
			p.until(`document.getElementById('state').textContent.includes('apples')`)
			p.inspect("the state")
			p.fits("the state")
		})
	}
}

// fits fails if the page is wider than the screen.
func (p *tab) fits(what string) {
	p.t.Helper()
	if over := eval[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		p.t.Errorf("%s is %d pixels wider than the screen", what, over)
	}
}
