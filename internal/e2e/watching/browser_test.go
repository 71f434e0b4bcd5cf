package watching

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// page is the tab of a Chromium of the test's own. It is never waited for to come to rest, which a page
// with an open event stream does not, but for what it shows; and no longer than harness.Deadline.
type page struct {
	t   *testing.T
	ctx context.Context

	mu    sync.Mutex
	threw []string
}

// openBrowser starts Chromium, and ends it with the test.
func openBrowser(t *testing.T) *page {
	t.Helper()
	path, err := exec.LookPath("chromium")
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal("a package is missing: apt-get install chromium")
	default:
		t.Skip("a package is missing: apt-get install chromium")
	}
	p := &page{t: t}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, quit := chromedp.NewContext(alloc, chromedp.WithListener(p.hear))
	p.ctx = ctx
	t.Cleanup(func() {
		closing, expire := context.WithTimeout(ctx, harness.Deadline)
		defer expire()
		_ = chromedp.Cancel(closing) // waits for the process, so that its folder can be removed
		quit()
		stop()
	})
	// Without a deadline, which would be the browser's own; that it starts is bounded by chromedp.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// hear notes what the page threw. Requests that fail are not noted: trying again is a player's work.
func (p *page) hear(event any) {
	if e, ok := event.(*runtime.EventExceptionThrown); ok {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.threw = append(p.threw, fmt.Sprintf("%+v", *e.ExceptionDetails))
	}
}

func (p *page) thrown() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.threw)
}

func (p *page) visit(url string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, harness.Deadline)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 1500), chromedp.Navigate(url)); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until an expression is true; a test that waits in vain says what the page looked like.
func (p *page) await(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, harness.Deadline)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		yes, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && yes {
			return
		}
		select {
		case <-ctx.Done():
			p.picture("watching-failed.png")
			p.t.Fatalf("never true: %s\n%v; the page is %s", expression, err, p.describe())
		case <-again.C:
		}
	}
}

// describe is what the page and its video say of themselves.
func (p *page) describe() string {
	return ask[string](p, `JSON.stringify({
		head: document.querySelector("#room-head")?.textContent.replace(/\s+/g, " "), player: document.querySelector("[data-player]")?.className,
		...Object.fromEntries(["currentTime", "readyState", "networkState", "paused", "seeking", "videoWidth", "muted"].map((k) => [k, document.querySelector("video")?.[k]])),
	})`)
}

// picture saves what the page looks like: to the folder GREENROOM_SCREENSHOTS, or nowhere that stays.
func (p *page) picture(name string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, harness.Deadline)
	defer cancel()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Fatal(err)
	}
	folder := os.Getenv("GREENROOM_SCREENSHOTS")
	if folder == "" {
		folder = p.t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(folder, name), shot, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// ask evaluates an expression.
func ask[T any](p *page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, harness.Deadline)
	defer cancel()
	got, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatal(err)
	}
	return got
}
