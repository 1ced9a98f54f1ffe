package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var files embed.FS

// policy is what the page may do: run and show what comes from here, ask here, and nothing else. There is no inline
// script and no inline style, and nobody may put the page into a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mediaType is the media type of a file. It does not depend on what the host has installed.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	default:
		return "text/plain; charset=utf-8"
	}
}

// Parts are the page's files, by the path at which each is found: the page itself at /, the rest below /console/.
func Parts() map[string]http.Handler {
	parts := map[string]http.Handler{}
	err := fs.WalkDir(files, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		at := "/console/" + strings.TrimPrefix(name, "page/")
		if name == "page/index.html" {
			at = "/"
		}
		parts[at] = part(name, text)
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("the console's files: %v", err)) // They are in the program.
	}
	return parts
}

// part answers with one file.
func part(name string, text []byte) http.Handler {
	sum := sha256.Sum256(text)
	etag := fmt.Sprintf(`"%x"`, sum[:12])
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Content-Type", mediaType(name))
		h.Set("Cache-Control", "no-cache") // An upgrade shows at once; what is unchanged costs a 304.
		h.Set("ETag", etag)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		http.ServeContent(w, r, path.Base(name), time.Time{}, bytes.NewReader(text))
	})
}
