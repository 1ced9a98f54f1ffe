// Package documents serves the project's documents as pages: written in Markdown, shown as HTML, with links that lead to
// one another and to nowhere else by themselves.
package documents

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed style.css
var style []byte

//go:embed page.html
var layout string

// policy is what a page may do: show its own style and pictures, and nothing else. There is no script.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Base is the path of the first page; the others are below it.
const Base = "/docs"

// pageOf is the path of the page that a document becomes: README.md is about the project, docs/README.md the list of all.
func pageOf(document string) string {
	switch document {
	case "README.md":
		return Base + "/about"
	case "CHANGELOG.md":
		return Base + "/changes"
	case "docs/README.md":
		return Base
	}
	return Base + "/" + strings.TrimSuffix(path.Base(document), ".md")
}

// Parts are the pages and what they show, by the path at which each is found. The files have README.md and CHANGELOG.md at
// their root, and the rest in docs.
func Parts(files fs.FS) (map[string]http.Handler, error) {
	page, err := template.New("page").Parse(layout)
	if err != nil {
		return nil, fmt.Errorf("the layout of documents: %w", err)
	}
	parts := map[string]http.Handler{Base + "/style.css": part("text/css; charset=utf-8", func() ([]byte, error) { return style, nil })}
	documents, err := fs.Glob(files, "*.md")
	if err != nil {
		return nil, err
	}
	more, err := fs.Glob(files, "docs/*.md")
	if err != nil {
		return nil, err
	}
	for _, name := range append(documents, more...) {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read the document %s: %w", name, err)
		}
		parts[pageOf(name)] = part("text/html; charset=utf-8", func() ([]byte, error) { return render(page, files, name, text) })
	}
	for form, media := range map[string]string{"docs/*.png": "image/png", "docs/*.json": "application/json"} {
		found, err := fs.Glob(files, form)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			parts[Base+"/"+path.Base(name)] = part(media, func() ([]byte, error) { return fs.ReadFile(files, name) })
		}
	}
	return parts, nil
}

// part answers with what is made when it is first asked for, and kept.
func part(media string, content func() ([]byte, error)) http.Handler {
	type made struct {
		body []byte
		etag string
	}
	once := sync.OnceValues(func() (made, error) {
		body, err := content()
		sum := sha256.Sum256(body)
		return made{body, fmt.Sprintf(`"%x"`, sum[:12])}, err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, err := once()
		if err != nil {
			panic(err) // The documents are in the program, and each of them is rendered by a test.
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Content-Type", media)
		h.Set("Cache-Control", "no-cache") // An upgrade shows at once; what is unchanged costs a 304.
		h.Set("ETag", m.etag)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(m.body))
	})
}
