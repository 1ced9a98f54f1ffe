package api

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// compressed is the writer for an answer that the client may have as gzip, and how it is ended. Only documents that are read
// are compressed: a snapshot of twenty servers is 200 kB of much the same, and a phone at night is on a slow line. What has an
// ETag is sent as it is, since the tag names its bytes; so are streams, and answers to orders.
func compressed(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func() error) {
	read := r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, Base+"/") && !strings.HasSuffix(r.URL.Path, "/stream")
	if !read || !acceptsGzip(r.Header.Get("Accept-Encoding")) {
		return w, func() error { return nil }
	}
	c := &compressor{ResponseWriter: w}
	return c, c.end
}

// acceptsGzip tells whether an Accept-Encoding names gzip and does not forbid it (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			switch strings.ReplaceAll(strings.TrimSpace(weight), " ", "") {
			case "q=0", "q=0.0", "q=0.00", "q=0.000":
				return false
			}
			return true
		}
	}
	return false
}

// compressor compresses what is written through it, unless the header says that it had better not.
type compressor struct {
	http.ResponseWriter
	begun bool
	to    *gzip.Writer // nil: as it is
}

// WriteHeader decides.
func (c *compressor) WriteHeader(code int) {
	if !c.begun && code >= 200 {
		c.begun = true
		h := c.Header()
		h.Add("Vary", "Accept-Encoding")
		if code == http.StatusOK && h.Get("ETag") == "" && h.Get("Content-Encoding") == "" && strings.HasPrefix(h.Get("Content-Type"), "application/json") {
			h.Set("Content-Encoding", "gzip")
			h.Del("Content-Length")
			// The fastest level; the better ones take four times as long for a tenth less.
			c.to, _ = gzip.NewWriterLevel(c.ResponseWriter, gzip.BestSpeed) // the level is one that there is
		}
	}
	c.ResponseWriter.WriteHeader(code)
}

// Write begins the answer if nothing has yet.
func (c *compressor) Write(b []byte) (int, error) {
	if !c.begun {
		c.WriteHeader(http.StatusOK)
	}
	if c.to != nil {
		return c.to.Write(b)
	}
	return c.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (c *compressor) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// end writes what is still held back.
func (c *compressor) end() error {
	if c.to == nil {
		return nil
	}
	return c.to.Close()
}
