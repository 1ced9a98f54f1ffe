package replicate

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/template"
)

// Values are what stands in a fix-up script for the server whose copy is fixed: {{.Server}}, {{.Catalog}}, ...
type Values struct {
	Server  string // the server's name
	Catalog string // the catalog's name at the primary
	Copy    string // the name of its copy at the standby
	Standby string // the standby's name
	DataDir string // the server's own directory on the standby
}

// maxScript bounds a script, as it is written and with its values filled in.
const maxScript = 1 << 20

// script reads a fix-up script and fills in the values. A name that is no value is an error, and not an empty text in
// the middle of a statement.
func script(path string, v Values) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the fix-up script: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(f, maxScript+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("read the fix-up script: %w", err)
	}
	if len(body) > maxScript {
		return "", fmt.Errorf("read the fix-up script: %s is larger than 1 MiB", path)
	}
	t, err := template.New(path).Option("missingkey=error").Parse(string(body))
	if err != nil {
		return "", fmt.Errorf("read the fix-up script: %w", err)
	}
	out := &bounded{room: maxScript}
	if err := t.Execute(out, v); err != nil {
		return "", fmt.Errorf("fill in the fix-up script: %w", err)
	}
	return out.text.String(), nil
}

// bounded is a text that a template cannot make larger than there is room for.
type bounded struct {
	text strings.Builder
	room int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.text.Len()+len(p) > b.room {
		return 0, errors.New("it grows beyond 1 MiB")
	}
	return b.text.Write(p)
}
