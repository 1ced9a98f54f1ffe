package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"failoverd/replicate/agent/agentconfig"
)

// Bounds of the document.
const (
	maxDocument = 1 << 20 // bytes
	maxRows     = 500     // of each list
	maxText     = 4096    // bytes of each text: as long as a path may be
)

// Serve answers a standby that asks what there is: the document, then the end of the stream. It closes the stream.
func Serve(ctx context.Context, stream io.WriteCloser, c *agentconfig.Config) (err error) {
	defer func() { err = errors.Join(err, stream.Close()) }()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	found, err := Find(ctx, c)
	if err != nil {
		return err
	}
	b, err := found.encode()
	if err != nil {
		return err
	}
	_, err = stream.Write(b)
	return err
}

// encode writes the document, and leaves rows out of the longest lists until it is short enough.
func (f Found) encode() ([]byte, error) {
	for most := maxRows; ; most /= 2 {
		f.arrange(most)
		b, err := json.Marshal(f)
		if err != nil || len(b) <= maxDocument || most <= 1 {
			return b, err
		}
	}
}

// Ask reads what an agent says there is, and closes the stream. The agent is not trusted: what is too long, too much or
// not fit to be shown on a terminal or written into a file is refused.
func Ask(ctx context.Context, stream io.ReadCloser) (f Found, err error) {
	defer func() { _ = stream.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
	defer stop()
	b, err := io.ReadAll(io.LimitReader(stream, maxDocument+1))
	switch {
	case ctx.Err() != nil:
		return Found{}, context.Cause(ctx)
	case err != nil:
		return Found{}, fmt.Errorf("read what there is: %w", err)
	case len(b) > maxDocument:
		return Found{}, fmt.Errorf("read what there is: the answer is longer than %d bytes", maxDocument)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&f); err != nil {
		return Found{}, fmt.Errorf("read what there is: %w", err)
	}
	if err := f.check(); err != nil {
		return Found{}, fmt.Errorf("read what there is: %w", err)
	}
	return f, nil
}

// check refuses what an honest agent does not say.
func (f Found) check() error {
	for what, n := range map[string]int{
		"addresses": len(f.Addresses), "gateways": len(f.Gateways), "databases": len(f.Databases), "SQLite files": len(f.SQLite),
		"trees": len(f.Trees), "backups": len(f.Backups), "gaps": len(f.Gaps),
	} {
		if n > maxRows {
			return fmt.Errorf("%d %s", n, what)
		}
	}
	texts := []string{f.Name, f.Hostname, f.OS, f.Kernel}
	for _, a := range f.Addresses {
		if !a.Address.IsValid() || a.Address.Addr().Zone() != "" {
			return errors.New("an address is none")
		}
		texts = append(texts, a.Interface)
	}
	for _, g := range f.Gateways {
		if !g.Address.IsValid() {
			return errors.New("a gateway has no address")
		}
		texts = append(texts, g.Interface, g.Address.Zone())
	}
	for _, d := range f.Databases {
		texts = append(texts, d.Engine, d.Product, d.Version, d.Listens)
	}
	for _, s := range f.SQLite {
		texts = append(texts, s.Path, s.Grant)
	}
	for _, t := range f.Trees {
		texts = append(texts, t.Name, t.Directory)
	}
	for _, b := range f.Backups {
		texts = append(texts, b.Name, b.Directory, b.ServerDirectory)
	}
	for _, g := range f.Gaps {
		texts = append(texts, g.What, g.Why)
	}
	for _, s := range texts {
		if err := printable(s); err != nil {
			return err
		}
	}
	return nil
}

// printable refuses a text that is too long, or that holds more than visible characters and spaces.
func printable(s string) error {
	switch {
	case len(s) > maxText:
		return fmt.Errorf("a text of %d bytes", len(s))
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable):
		return fmt.Errorf("the text %q cannot be shown", s)
	}
	return nil
}

// unprintable says whether a character does something to a terminal or to a reader's eyes.
func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// tidy makes a text printable.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
