package documents_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"failoverd"
	"failoverd/api/documents"
)

// pages are all documents as they are served, by their paths.
func pages(t *testing.T) map[string]*http.Response {
	t.Helper()
	parts, err := documents.Parts(failoverd.Documents)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*http.Response{}
	for at, part := range parts {
		w := httptest.NewRecorder()
		part.ServeHTTP(w, httptest.NewRequest(http.MethodGet, at, nil))
		got[at] = w.Result()
	}
	return got
}

// text is a page's HTML.
func text(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// find is what a pattern's first group finds.
func find(pattern, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// TestEveryLinkLeadsSomewhere goes from page to page: each link of each leads to a page and to a place on it.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	places, html := map[string][]string{}, map[string]string{}
	for at, r := range pages(t) {
		places[at] = []string{}
		if strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			html[at] = text(t, r)
			places[at] = find(`\sid="([^"]+)"`, html[at])
		}
	}
	if len(html) < 30 {
		t.Fatalf("only %d pages", len(html))
	}
	links := 0
	for at, page := range html {
		for _, link := range append(find(`href="([^"]*)"`, page), find(`src="([^"]*)"`, page)...) {
			if strings.Contains(link, "://") || link == "/" || strings.HasPrefix(link, "/console/") {
				continue
			}
			links++
			to, anchor, _ := strings.Cut(link, "#")
			if to == "" {
				to = at
			}
			there, ok := places[to]
			switch {
			case !ok:
				t.Errorf("%s: %s leads nowhere", at, link)
			case anchor != "" && !slices.Contains(there, anchor):
				t.Errorf("%s: %s leads to no place of that page", at, link)
			}
		}
	}
	if links < 500 {
		t.Errorf("only %d links", links)
	}
}

// TestPagesNeedNothingElse: what the policy of the pages forbids is not in them.
func TestPagesNeedNothingElse(t *testing.T) {
	for at, r := range pages(t) {
		if csp := r.Header.Get("Content-Security-Policy"); r.StatusCode != http.StatusOK || !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %s, policy %q", at, r.Status, csp)
		}
		if r.Header.Get("ETag") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", at, r.Header)
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		page := text(t, r)
		for _, forbidden := range []string{"<script", "<style", " style=", "<iframe", "javascript:", " onclick=", `src="http`} {
			if strings.Contains(page, forbidden) {
				t.Errorf("%s has %q", at, forbidden)
			}
		}
		if titles := find(`<h1[^>]*>(.*?)</h1>`, page); len(titles) != 1 {
			t.Errorf("%s has the titles %q", at, titles)
		}
	}
}

// TestPagesAreWellFormed reads each page with a parser that nobody here wrote.
func TestPagesAreWellFormed(t *testing.T) {
	for at, r := range pages(t) {
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		d := xml.NewDecoder(strings.NewReader(text(t, r)))
		d.Strict, d.AutoClose, d.Entity = true, xml.HTMLAutoClose, xml.HTMLEntity
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", at, err)
				break
			}
		}
	}
}

// TestUnchangedCostsNothing: what a browser has already is not sent again.
func TestUnchangedCostsNothing(t *testing.T) {
	parts, err := documents.Parts(failoverd.Documents)
	if err != nil {
		t.Fatal(err)
	}
	first, second := httptest.NewRecorder(), httptest.NewRecorder()
	parts["/docs"].ServeHTTP(first, httptest.NewRequest(http.MethodGet, "/docs", nil))
	again := httptest.NewRequest(http.MethodGet, "/docs", nil)
	again.Header.Set("If-None-Match", first.Header().Get("ETag"))
	parts["/docs"].ServeHTTP(second, again)
	if second.Code != http.StatusNotModified || second.Body.Len() > 0 {
		t.Errorf("status %d, %d bytes", second.Code, second.Body.Len())
	}
}

// TestWhereLinksLead: documents become pages, sections keep their names, and what is not there is not pretended.
func TestWhereLinksLead(t *testing.T) {
	files := fstest.MapFS{
		"README.md":      {Data: []byte("# R\n\n[a](docs/a.md#b-c) [all](docs/README.md)\n")},
		"docs/README.md": {Data: []byte("# D\n\n[r](../README.md) [x](../Dockerfile) [e](https://example.com/)\n")},
		"docs/a.md":      {Data: []byte("# A\n\n## B, `c`\n\n## B c\n\n![p](p.png) [self](#b-c-1) [j](s.json)\n\n| x |\n| --- |\n| y |\n\n## Own <a id=\"o\"></a>\n")},
		"docs/p.png":     {Data: []byte("png")}, "docs/s.json": {Data: []byte("{}")},
	}
	parts, err := documents.Parts(files)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][]string{
		"/docs/about":  {`href="/docs/a#b-c"`, `href="/docs"`},
		"/docs":        {`href="/docs/about"`, "</a> x <a", `href="https://example.com/"`},
		"/docs/a":      {`id="b-c"`, `id="b-c-1"`, `src="/docs/p.png"`, `href="#b-c-1"`, `href="/docs/s.json"`, "<table>", `id="own"`, `<a id="o">`},
		"/docs/p.png":  {"png"},
		"/docs/s.json": {"{}"},
	} {
		w := httptest.NewRecorder()
		parts[at].ServeHTTP(w, httptest.NewRequest(http.MethodGet, at, nil))
		for _, part := range want {
			if !bytes.Contains(w.Body.Bytes(), []byte(part)) {
				t.Errorf("%s lacks %s:\n%s", at, part, w.Body)
			}
		}
	}
}
