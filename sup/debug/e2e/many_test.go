package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// seats starts a Keyed with n workers.
func seats(t *testing.T, n int) *sup.Keyed[string, *worker] {
	t.Helper()
	needBrowser(t)
	set := sup.NewKeyed(sup.KeyedSpec[string, *worker]{
		Name: "seats", Intensity: sup.Unlimited,
		Start: func(ctx context.Context, _ string) (*worker, error) { return newWorker(ctx) },
	})
	err := set.Start(context.Background())
	started(t, set, err)
	for i := range n {
		if _, err := set.StartChild(t.Context(), fmt.Sprintf("seat-%05d", i)); err != nil {
			t.Fatal(err)
		}
	}
	return set
}

func TestTenThousandChildrenAreFoldedAndSmooth(t *testing.T) {
	const n = 10_000
	set := seats(t, n)
	p := open(t, debug.Handler(sup.Inspect(set)))
	p.until(row("seats") + `.textContent.includes('10,000 running')`)
	p.until(row("seats") + `.getAttribute('aria-expanded') === 'false'`)

	p.do(chromedp.Click(chromedp.CSS(rowSelector("seats") + ` .twist`)))
	p.until(row("seats/seat-00000"))
	if drawn := eval[int](p, `document.querySelectorAll('.row').length`); drawn > 100 {
		t.Errorf("%d rows are drawn; a screen holds %d", drawn, 30)
	}
	p.until(row("seats/seat-00000") + `.getAttribute('aria-setsize') === '10000'`)

	crash(t, child(set, "seat-00003"), errRefused)
	p.until(row("seats/seat-00003") + `.textContent.includes('connection refused')`)

	p.do(chromedp.Evaluate[chromedp.Void](`document.getElementById('tree').scrollTop = 1e9`))
	p.until(row("seats/seat-09999"))
	took := eval[[]float64](p, scrollThrough)
	t.Logf("scrolling through %d rows: %d frames, the longest %.0f ms", n, len(took), longest(took))

	p.do(chromedp.SendKeys(chromedp.CSS(`#search`), "seat-04711"))
	p.until(row("seats/seat-04711"))
	p.until(`document.getElementById('found').textContent === '1 row found'`)
}

// scrollThrough scrolls through the whole tree. Its value is the time of each frame, in ms.
const scrollThrough = `new Promise(done => {
	const tree = document.getElementById('tree'), step = tree.scrollHeight / 60, times = [];
	let last = performance.now(), n = 0;
	tree.scrollTop = 0;
	requestAnimationFrame(function frame(now) {
		times.push(now - last);
		last = now;
		tree.scrollTop += step;
		if (++n < 60) requestAnimationFrame(frame); else done(times);
	});
})`

func longest(times []float64) (max float64) {
	for _, t := range times {
		if t > max {
			max = t
		}
	}
	return max
}

// child returns a handle to a member as a [sup.Worker].
func child(set *sup.Keyed[string, *worker], key string) sup.Child[sup.Worker] {
	return sup.As[sup.Worker](set.Child(key))
}
