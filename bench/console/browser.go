package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long anything is waited for in the page.
const patience = time.Minute

// recorder notes in the page when the form for a token, and the overview with its stream, have been painted: the first task after
// the frame in which they are. Times are milliseconds since the page was asked for.
const recorder = `(() => {
  const seen = { door: 0, overview: 0 };
  const note = (what) => {
    if (seen[what]) return;
    seen[what] = -1;
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => { seen[what] = performance.now(); };
      port2.postMessage(null);
    });
  };
  const look = () => {
    if (document.querySelector("#token")) note("door");
    const fresh = document.querySelector(".fresh");
    if (fresh && !fresh.textContent.includes("reconnecting")) note("overview");
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  window.measured = seen;
})()`

// browser is chromium with one page.
type browser struct {
	ctx   context.Context
	close func()

	mu    sync.Mutex
	bytes float64 // that have travelled since the last opening
}

// newBrowser starts it, as the console's tests do; but it trusts one certificate and not all of them, because chromium caches
// nothing that came by one that it does not trust.
func newBrowser(ctx context.Context, certificate string) (*browser, error) {
	key, err := keyOf(certificate)
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.Flag("ignore-certificate-errors-spki-list", key),
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-crash-reporter", true), chromedp.WSURLReadTimeout(patience))
	allocated, end := chromedp.NewExecAllocator(ctx, options...)
	tab, quit := chromedp.NewContext(allocated)
	b := &browser{ctx: tab, close: func() { quit(); end() }}
	chromedp.ListenTarget(tab, func(event any) {
		if e, ok := event.(*network.EventLoadingFinished); ok {
			b.mu.Lock()
			b.bytes += e.EncodedDataLength
			b.mu.Unlock()
		}
	})
	err = chromedp.Run(tab) // It lives as long as the context of its first action.
	if err == nil {
		err = b.do(network.Enable(), page.BringToFront(), emulation.SetFocusEmulationEnabled(true),
			emulation.SetDeviceMetricsOverride(1280, 900, 1, false),
			chromedp.ActionFunc(func(ctx context.Context) error {
				_, err := page.AddScriptToEvaluateOnNewDocument(recorder).Do(ctx)
				return err
			}))
	}
	if err != nil {
		b.close()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

// keyOf is the hash of a certificate's public key, as chromium wants to be told it.
func keyOf(certificate string) (string, error) {
	text, err := os.ReadFile(certificate)
	if err != nil {
		return "", err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return "", fmt.Errorf("%s: no certificate", certificate)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

// do carries actions out in the page.
func (b *browser) do(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// painted is what is waited for in a page.
type painted string

const (
	text     painted = `performance.getEntriesByName("first-contentful-paint").length > 0`
	door     painted = "window.measured.door > 0"
	overview painted = "window.measured.overview > 0"
)

// opened is what the page itself has measured of its own opening, in milliseconds since it was asked for.
type opened struct {
	FirstByte float64 `json:"first"`
	Text      float64 `json:"text"`
	Door      float64 `json:"door"`
	Overview  float64 `json:"overview"`
	Origin    float64 `json:"origin"` // when it was asked for, in milliseconds since 1970
	bytes     float64 // that have travelled
}

// at is when something was in the page.
func (o opened) at(after float64) time.Time {
	return time.UnixMicro(int64((o.Origin + after) * 1000))
}

// open asks for a page and waits until it shows something.
func (b *browser) open(url string, what painted) (opened, error) {
	if err := b.leave(); err != nil {
		return opened{}, err
	}
	b.mu.Lock()
	b.bytes = 0
	b.mu.Unlock()
	if err := b.do(chromedp.Navigate(url)); err != nil {
		return opened{}, err
	}
	return b.shown(what)
}

// shown waits until the page shows something.
func (b *browser) shown(what painted) (o opened, err error) {
	question := fmt.Sprintf(`%s && ({ first: performance.getEntriesByType("navigation")[0].responseStart,
		text: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
		door: window.measured.door, overview: window.measured.overview, origin: performance.timeOrigin })`, what)
	for {
		err = b.do(chromedp.Poll(question, &o, chromedp.WithPollingInterval(10*time.Millisecond), chromedp.WithPollingTimeout(0)))
		// A page that loads itself anew, as monit's does, may have forgotten the question.
		if err == nil || !strings.Contains(err.Error(), "Cannot find context") {
			break
		}
	}
	b.mu.Lock()
	o.bytes = b.bytes
	b.mu.Unlock()
	if err != nil {
		return o, fmt.Errorf("wait for %s: %w", what, err)
	}
	return o, nil
}

// signIn types a token at the door and says how long the overview took from there.
func (b *browser) signIn(secret string) (time.Duration, error) {
	if err := b.do(chromedp.SendKeys("#token", secret)); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := b.do(chromedp.SendKeys("#token", kb.Enter)); err != nil {
		return 0, err
	}
	o, err := b.shown(overview)
	return o.at(o.Overview).Sub(began), err
}

// leave has it show nothing.
func (b *browser) leave() error { return b.do(chromedp.Navigate("about:blank")) }

// forget empties the browser's cache.
func (b *browser) forget() error {
	if err := b.leave(); err != nil {
		return err
	}
	return b.do(network.ClearBrowserCache())
}

// signOut forgets who was signed in.
func (b *browser) signOut() error { return b.do(network.ClearBrowserCookies()) }
