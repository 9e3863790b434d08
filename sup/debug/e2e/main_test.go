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
	browserPath = flag.String("browser", "", "the `program` to test in, a Chromium; none: the tests are skipped")
	axePath     = flag.String("axe", "", "the `file` that axe-core is in")
	picturePath = flag.String("picture", "", "the `file` to write a picture of the page to")
)

var (
	browser context.Context // of the one that all tests open their tabs in; nil: there is none
	axe     string          // the script that inspects a page
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *browserPath == "" {
		os.Exit(m.Run()) // each test says that it is skipped
	}
	script, err := os.ReadFile(*axePath)
	if err != nil {
		fmt.Fprintf(os.Stderr, "e2e: -browser needs -axe besides, use make e2e: %v\n", err)
		os.Exit(2)
	}
	axe = string(script)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(*browserPath),
		chromedp.NoSandbox, // the pages are our own, and there is none for root
		chromedp.WindowSize(1400, 900),
	)...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: %s does not start: %v\n", *browserPath, err)
		os.Exit(2)
	}
	browser = ctx
	code := m.Run()
	cancel()
	stop() // waits for the browser
	os.Exit(code)
}
