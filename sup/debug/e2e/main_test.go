package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

var (
	browserPath = flag.String("browser", "", "Chromium `program` to test in; if empty, tests are skipped")
	axePath     = flag.String("axe", "", "`file` with the script of axe-core")
	picturePath = flag.String("picture", "", "`file` for a picture of the page")
)

var (
	browser context.Context // all tests open their tabs in it; nil if none is given
	axe     string          // script that checks the accessibility of a page
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *browserPath == "" {
		os.Exit(m.Run()) // each test is reported as skipped
	}
	script, err := os.ReadFile(*axePath)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: -browser needs -axe: use make e2e: %v\n", err)
		os.Exit(2)
	}
	axe = string(script)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(*browserPath),
		chromedp.NoSandbox, // the pages are trusted, and root has no sandbox
		chromedp.WindowSize(1400, 900),
	)...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %s: start: %v\n", *browserPath, err)
		os.Exit(2)
	}
	browser = ctx
	code := m.Run()
	cancel()
	stop() // waits for the browser
	os.Exit(code)
}
