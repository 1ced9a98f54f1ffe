package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// WriteManual writes the manual page failoverd.yaml(5): every key, as WriteReference has it. The source names the version.
func WriteManual(w io.Writer, source string) error {
	notes, err := annotations(reference)
	if err != nil {
		return err
	}
	by := map[string]annotation{}
	for _, a := range notes {
		by[a.path] = a
	}
	var b strings.Builder
	fmt.Fprintf(&b, ".TH FAILOVERD.YAML 5 \"\" %q failoverd\n%s", source, manualHead)
	keysOf(reflect.TypeFor[rawFile](), "", func(path string) {
		a, ok := by[path]
		if !ok {
			return
		}
		meaning := Roff(strings.ReplaceAll(a.meaning, "`", ""))
		if !strings.Contains(path, ".") {
			fmt.Fprintf(&b, ".SS %s\n%s\n", Roff(path), meaning)
			return
		}
		value := strings.TrimSuffix(strings.TrimPrefix(a.defaults, "("), ")")
		restart := ""
		if NeedsRestart(path) {
			restart = " A change takes effect at a restart."
		}
		fmt.Fprintf(&b, ".TP\n.B %s\n%s%s\nDefault: %s.\n", Roff(path), meaning, restart, Roff(value))
	})
	b.WriteString(".SH EXAMPLE\n.nf\n")
	for line := range strings.Lines(string(reference)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") && strings.TrimSpace(line) != "" {
			b.WriteString(Roff(strings.TrimRight(line, "\n")) + "\n")
		}
	}
	b.WriteString(".fi\n.SH SEE ALSO\nfailoverd(1), failoverd\\-config\\-check(1), failoverd\\-reload(1)\n")
	_, err = io.WriteString(w, b.String())
	return err
}

const manualHead = `.SH NAME
failoverd.yaml \- configuration of failoverd
.SH DESCRIPTION
The main file is /etc/failoverd/failoverd.yaml; a server may have a file of its own,
servers.d/NAME.yaml beside it, with the keys of one entry of servers. Some keys may
also be set by
.BR "failoverd config set" ,
over the API and in the console; those hold instead of what is written in the main
file, and are kept in options.d/options.yaml beside it.
.B failoverd config check
says what the files mean, or everything that is wrong with them.
.B failoverd reload
takes changes over, all or nothing.
.PP
Durations have a unit: 500ms, 2s, 5m, 36h. Times of day are written in quotes: "07:00".
Addresses are written in numbers, never as names. Commands are lists; no shell is involved.
A key that is unknown, written twice or empty is an error. Anchors, aliases and tags of YAML are not used.
A file has at most 1 MiB. Secrets are files with mode 0600, variables, or systemd credentials.
.SH KEYS
`

// Roff makes one line that stands for itself in man(7), which takes a backslash for an escape, a hyphen for one at which
// words are broken, and a line that begins with a dot or an apostrophe for an order.
func Roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}
