package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"pileus"
	"pileus/dev"
	"pileus/dev/dashboard"
	"pileus/pipeline"
	"pileus/scale"
)

// TestPageInBrowser loads the page of a running network in headless Chromium. With
// PILEUS_SCREENSHOTS=DIR the pictures are left there.
func TestPageInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	browser := startBrowser(t)
	board := dashboard.New(dashboard.Link{Name: "RPC", URL: "ws://127.0.0.1:9944"})
	node := startNode(t, dev.BlockTime{Interval: 250 * time.Millisecond})
	go board.Show(t.Context(), node)
	server := httptest.NewServer(board.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(board.Close)

	for _, view := range []struct {
		width, height int64
		scheme        string
	}{{1280, 900, "light"}, {1280, 900, "dark"}, {400, 800, "light"}, {400, 800, "dark"}} {
		t.Run(fmt.Sprintf("%d px %s", view.width, view.scheme), func(t *testing.T) {
			p := openPage(t, browser, view.width, view.height, view.scheme, server.URL)
			p.comesTrue("blocks on their way", `document.querySelectorAll('.bar').length > 2 && document.querySelectorAll('.relay').length > 2`)
			p.comesTrue("an included block", `document.querySelector('.bar.included') !== null`)
			p.comesTrue("a final relay block", `document.querySelector('.relay.final') !== null`)
			p.comesTrue("figures", `/^#\d/.test(document.querySelector('#f-included').textContent)`)
			included := p.number(`parseInt(document.querySelector('#f-included').textContent.slice(1))`)
			p.comesTrue("the next inclusion", fmt.Sprintf(`parseInt(document.querySelector('#f-included').textContent.slice(1)) > %v`, included))
			p.comesTrue("a verdict", `/^A block every 6\.0/.test(document.querySelector('#verdict').textContent)`)
			p.comesTrue("weights", `document.querySelectorAll('#chart-weight .col').length > 0`)
			p.isTrue("nothing wider than the screen", `document.documentElement.scrollWidth <= window.innerWidth`)
			p.isTrue("the strip moves", `document.querySelector('#film svg').getAnimations().length === 1`)
			p.do(chromedp.Focus(chromedp.CSS(`.bar[tabindex="0"]`)), chromedp.KeyEvent("\r"))
			p.comesTrue("what the chosen block went through", `/^Block #\d+ by /.test(document.querySelector('#detail').textContent)`)
			p.do(chromedp.Click(chromedp.CSS("#hold")))
			p.isTrue("the strip stands", `document.querySelector('#film svg').getAnimations().length === 0`)
			p.do(chromedp.Click(chromedp.CSS("#hold")))
			p.shoot(fmt.Sprintf("%d-%s.png", view.width, view.scheme))
			p.isSilent()
		})
	}

	t.Run("reduced motion", func(t *testing.T) {
		p := openPage(t, browser, 1280, 900, "light", server.URL)
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p.comesTrue("a picture", `document.querySelectorAll('.relay').length > 2`)
		p.comesTrue("a strip that does not slide", `document.querySelector('#film svg').getAnimations().length === 0`)
		before := p.number(`parseInt(document.querySelector('#f-relay').textContent.slice(1))`)
		p.comesTrue("news all the same", fmt.Sprintf(`parseInt(document.querySelector('#f-relay').textContent.slice(1)) > %v`, before))
		p.isSilent()
	})

	t.Run("the node ends", func(t *testing.T) {
		p := openPage(t, browser, 1280, 900, "light", server.URL)
		p.comesTrue("a picture", `document.querySelectorAll('.relay').length > 2`)
		board.Close()
		p.comesTrue("a notice", `!document.querySelector('#notice').hidden && document.querySelector('#link').textContent !== 'Live'`)
		p.shoot("ended.png")
	})
	t.Run("another node at the same address", func(t *testing.T) {
		board := dashboard.New()
		var current atomic.Pointer[dashboard.Board]
		current.Store(board)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { current.Load().Handler().ServeHTTP(w, r) }))
		t.Cleanup(server.Close)
		board.Observe(pipeline.Timed{Event: pipeline.SlotMissed{Slot: 1, Why: "the first"}})
		p := openPage(t, browser, 400, 800, "dark", server.URL)
		p.comesTrue("the first one's log", `document.querySelector('#log').textContent.includes('the first')`)
		next := dashboard.New()
		t.Cleanup(next.Close)
		next.Observe(pipeline.Timed{Event: pipeline.SlotMissed{Slot: 1, Why: "the second"}})
		current.Store(next)
		board.Close()
		p.comesTrue("the second one's log", `document.querySelector('#log').textContent.includes('the second') && !document.querySelector('#log').textContent.includes('the first')`)
		p.comesTrue("a live connection", `document.querySelector('#link').textContent === 'Live' && document.querySelector('#notice').hidden`)
	})
}

// TestPageOnDemand shows a network whose clock stands: nothing, then blocks that were asked
// for, slots that were skipped, time that was jumped over, a pause.
func TestPageOnDemand(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a browser")
	}
	browser := startBrowser(t)
	board := dashboard.New()
	node := startNode(t, dev.BlockTime{Mode: dev.Manual})
	go board.Show(t.Context(), node)
	server := httptest.NewServer(board.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(board.Close)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	p := openPage(t, browser, 1280, 900, "dark", server.URL)
	p.comesTrue("the mode", `document.querySelector('#clock').textContent === 'Blocks on demand'`)
	p.isTrue("an empty picture", `!document.querySelector('#empty').hidden`)
	p.shoot("empty.png")
	_, err := node.NewBlock(t.Context(), 8, 0)
	must(err)
	must(node.SkipSlots(t.Context(), 2))
	_, err = node.NewBlock(t.Context(), 4, 0)
	must(err)
	_, err = node.TimeTravel(t.Context(), node.Now().Add(time.Hour))
	must(err)
	_, err = node.NewBlock(t.Context(), 6, 0)
	must(err)
	p.comesTrue("the blocks", `document.querySelector('#f-best').textContent === '#18'`)
	p.comesTrue("the skipped slots", `document.querySelector('#log').textContent.includes('passed without a block')`)
	p.isTrue("a strip that stands", `document.querySelector('#film svg').getAnimations().length === 0`)
	p.isTrue("no stall", `!document.querySelector('#verdict').textContent.includes('Stalled')`)
	must(node.ForkRelay(t.Context(), 2))
	_, err = node.NewBlock(t.Context(), 5, 0)
	must(err)
	p.comesTrue("the branch that was left", `document.querySelectorAll('.relay.left').length === 2`)
	p.comesTrue("and why", `document.querySelector('#log').textContent.includes('Relay fork')`)
	p.shoot("fork.png")
	_, err = node.Fund(t.Context(), node.Chain().Accounts[0].ID, scale.U128{Lo: 1e18})
	must(err)
	p.comesTrue("the edit", `document.querySelector('#log').textContent.includes('edited from outside')`)
	past, err := node.Snapshot(t.Context())
	must(err)
	_, err = node.NewBlock(t.Context(), 5, 0)
	must(err)
	p.comesTrue("later blocks", `parseInt(document.querySelector('#f-best').textContent.slice(1)) >= 28`)
	must(node.Revert(t.Context(), past))
	p.comesTrue("the past again", `document.querySelector('#log').textContent.includes('goes on from a snapshot') && parseInt(document.querySelector('#f-best').textContent.slice(1)) < 28`)
	_, err = node.NewBlock(t.Context(), 3, 0)
	must(err)
	p.comesTrue("another future", `document.querySelectorAll('.bar.included').length > 0 && document.querySelector('#chain').textContent.includes('guide')`)
	p.shoot("reverted.png")
	must(node.SetBlockTime(t.Context(), dev.BlockTime{Interval: time.Second}))
	p.comesTrue("another pace", `document.querySelector('#clock').textContent.startsWith('1 s slots')`)
	must(node.Pause(t.Context()))
	p.comesTrue("the pause", `document.querySelector('#clock').textContent === 'Paused'`)
	p.shoot("paused.png")
	p.isSilent()
}

func startNode(t *testing.T, pace dev.BlockTime) *dev.Node {
	t.Helper()
	cfg := dev.Config{Settings: pileus.Defaults(), BlockTime: pace}
	if base, err := os.UserCacheDir(); err == nil {
		cfg.CacheDir = filepath.Join(base, "pileus")
	}
	node, err := dev.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return node
}

// startBrowser starts Chromium, or skips the test where there is none. With CI=true there has to be one.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no chromium in PATH; on Debian: apt-get install chromium")
		}
		t.Skip("needs chromium in PATH; on Debian: apt-get install chromium")
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(2 * time.Minute),
	}
	for _, name := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		flags = append(flags, chromedp.Flag(name, true))
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), flags...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// page is the page in a tab of its own.
type page struct {
	t     *testing.T
	ctx   context.Context
	log   []string // what the page wrote to its console; read once the tab is closed
	close func()
}

func openPage(t *testing.T, browser context.Context, width, height int64, scheme, url string) *page {
	t.Helper()
	ctx, stop := chromedp.NewContext(browser)
	t.Cleanup(stop)
	p := &page{t: t, ctx: ctx}
	p.do(chromedp.EmulateViewport(width, height))
	messages := chromedp.Console(ctx)
	heard := make(chan bool)
	go func() {
		defer close(heard)
		for m, err := range messages {
			if err != nil {
				return
			}
			p.log = append(p.log, m.String())
		}
	}()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}); err != nil {
		t.Fatal(err)
	}
	p.do(chromedp.Navigate(url))
	p.close = func() { stop(); <-heard }
	return p
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p *page) isTrue(what, condition string) {
	p.t.Helper()
	ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](condition))
	if err != nil || !ok {
		p.t.Errorf("not so: %s (%v)", what, err)
	}
}

func (p *page) comesTrue(what, condition string) {
	p.t.Helper()
	end := time.Now().Add(time.Minute)
	for {
		ok, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](condition))
		if ok {
			return
		}
		if err != nil || time.Now().After(end) {
			p.shoot("failed.png")
			p.t.Fatalf("it did not come to %s (%v)", what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (p *page) number(expression string) float64 {
	p.t.Helper()
	n, err := chromedp.Run(p.ctx, chromedp.Evaluate[float64](expression))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// shoot takes a picture of the whole page where PILEUS_SCREENSHOTS asks for it.
func (p *page) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("PILEUS_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err := errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), picture, 0o644)); err != nil {
		p.t.Error(err)
	}
}

// isSilent closes the tab and asks that nothing was written to its console.
func (p *page) isSilent() {
	p.t.Helper()
	p.close()
	if len(p.log) > 0 {
		p.t.Errorf("the console says:\n%s", strings.Join(p.log, "\n"))
	}
}
