package e2e

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup/debug"
)

// The picture is part of README.
func TestAPictureOfThePage(t *testing.T) {
	if *picturePath == "" {
		t.Skip("SKIPPED: only make picture takes the picture of README")
	}
	s, h := startShop(t, debug.Keys("prices", new(kv.Context[string, int])))
	crash(t, s.Child("cache"), errRefused)
	for range 3 {
		crash(t, plugin(t, s, "thumbnail"), errPanic)
	}
	p := open(t, h, light, chromedp.EmulateViewport(1280, 760))
	p.choose("shop/plugins/thumbnail")
	p.until(`document.querySelectorAll('#child-exits li').length >= 3`)
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*picturePath, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
