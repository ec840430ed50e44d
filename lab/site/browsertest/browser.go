//go:build e2e

// Package browsertest opens pages in a real browser, headless, for tests: it
// tells what the page complained of, what it asked for, and how wide it is.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Longest times: a browser under load takes its time to start.
const (
	startLimit = 2 * time.Minute
	pageLimit  = time.Minute
)

// Browser is a running browser with one tab. It is not for several goroutines.
type Browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp keeps the browser in it

	mu       sync.Mutex
	errors   []string
	requests []string
}

// Page is what is seen of an open page.
type Page struct {
	Browser  *Browser
	Errors   []string // what the console showed of errors and warnings, and exceptions
	Requests []string // URLs of all that was asked for, the page's among them

	ScrollWidth, InnerWidth int    // CSS pixels; the page scrolls sideways when the first is larger
	Background              string // colour of the body, such as "rgb(255, 255, 255)"
	Title                   string
}

// Open starts Chromium, which is closed at the end of the test.
func Open(t *testing.T) *Browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no chromium in PATH: make setup installs it")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses to be root otherwise
	}
	b := &Browser{t: t}
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(b.listen))
	b.ctx = ctx
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits until the browser has ended
		closeTab()
		end()
	})
	late := time.AfterFunc(startLimit, closeTab) // the first Run's context is the tab's: it can have no deadline
	err = chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
		return err
	}))
	if !late.Stop() || err != nil {
		t.Fatalf("cannot start %s: %v", path, err)
	}
	b.call("listen to the log", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
		return err
	})
	return b
}

// listen keeps what the page does.
func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, "exception: "+exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			b.errors = append(b.errors, "console: "+arguments(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.errors = append(b.errors, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// Visit opens url in a window that is width CSS pixels wide, in dark colours
// or light ones.
func (b *Browser) Visit(url string, width int, dark bool) Page {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.mu.Lock()
	b.errors, b.requests = nil, nil
	b.mu.Unlock()
	b.call("emulate", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
	b.Do(
		chromedp.EmulateViewport(int64(width), 844, chromedp.EmulateScale(1)),
		chromedp.Navigate("about:blank"), // so that another place on the same page is a new visit too
		chromedp.Navigate(url),
		chromedp.WaitReady(chromedp.CSS("body")),
	)
	return b.Look()
}

// Look tells of the page that is open now.
func (b *Browser) Look() Page {
	b.t.Helper()
	p := Page{
		Browser:     b,
		ScrollWidth: Eval[int](b, "document.scrollingElement.scrollWidth"),
		InnerWidth:  Eval[int](b, "window.innerWidth"),
		Background:  Eval[string](b, "getComputedStyle(document.body).backgroundColor"),
		Title:       Eval[string](b, "document.title"),
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.requests {
		if r != "about:blank" {
			p.Requests = append(p.Requests, r)
		}
	}
	p.Errors = append(p.Errors, b.errors...)
	return p
}

// Do takes chromedp's actions. What fails ends the test.
func (b *Browser) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// Press presses keys one after the other, as package kb names them.
func (b *Browser) Press(keys ...string) {
	b.t.Helper()
	for _, k := range keys {
		b.Do(chromedp.KeyEvent(k))
	}
}

// Wait waits until the page has an element for the CSS selector.
func (b *Browser) Wait(selector string) {
	b.t.Helper()
	b.Do(chromedp.WaitReady(chromedp.CSS(selector)))
}

// Eval is the value of an expression on the page.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("in the browser: %s: %v", expression, err)
	}
	return value
}

// Scripts switches the scripts of pages on or off, from the next visit on.
func (b *Browser) Scripts(on bool) {
	b.t.Helper()
	b.call("switch scripts", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// call makes one call of the protocol.
func (b *Browser) call(what string, f func(ctx context.Context) error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error { return f(ctx) }))
	if err != nil {
		b.t.Fatalf("in the browser: cannot %s: %v", what, err)
	}
}

// Screenshot writes a picture of the whole page (PNG) to path.
func (p Page) Screenshot(path string) {
	b := p.Browser
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageLimit)
	defer cancel()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(path, picture, 0o600)
	}
	if err != nil {
		b.t.Fatalf("cannot take a picture: %v", err)
	}
}

func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

func arguments(args []*runtime.RemoteObject) string {
	var out []string
	for _, a := range args {
		out = append(out, strings.TrimSpace(string(a.Value)+" "+a.Description))
	}
	return strings.Join(out, " ")
}
