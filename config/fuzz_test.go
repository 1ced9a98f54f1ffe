package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mostTime is what parsing may take on a busy machine, for any file that is
// small enough to be read at all.
const mostTime = 4 * time.Second

// checkParse parses two files and holds the result against what every caller
// relies on.
func checkParse(t *testing.T, main, server []byte) {
	t.Helper()
	begin := time.Now()
	c, err := Parse([]Source{{Name: "failoverd.yaml", Data: main}, {Name: "servers.d/S.yaml", Data: server}})
	if took := time.Since(begin); took > mostTime {
		t.Fatalf("parsing took %s", took)
	}
	if err != nil {
		var problems Errors
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("error of another kind: %v", err)
		}
		for _, p := range problems {
			if p.File != "failoverd.yaml" && p.File != "servers.d/S.yaml" || p.Line < 1 || p.Column < 1 || p.Problem == "" || strings.Contains(p.String(), "\n") {
				t.Fatalf("problem without a place, or of several lines: %+v", p)
			}
		}
		return
	}
	c.Describe(io.Discard)
	if changed, _ := c.Diff(c); changed != nil {
		t.Fatalf("it differs from itself: %v", changed)
	}
	for _, s := range c.Servers {
		if !isName(s.Name) || !s.Address.IsValid() || s.Addresses[0] != s.Address || s.Ping.Timeout >= s.Ping.Interval ||
			s.Ping.WarnAfter >= s.Ping.FailAfter || s.Ping.FailAfter > s.Ping.FailAfterReboot || s.Ping.Interval < minInterval ||
			s.Takeover.AutoRelease && s.Takeover.AssumeAddress || s.Takeover.AssumeAddress != (len(s.Takeover.ServiceAddresses) > 0) {
			t.Fatalf("a rule is broken in %+v", s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(reference, []byte("address: 10.0.0.1\n"))
	f.Add([]byte(required), []byte("name: S\naddress: 2001:db8::1\nping: {interval: 1s, timeout: 20ms}\n"))
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, []byte("address: 10.0.0.1\n"))
		f.Add([]byte("standby: {}\n"), data)
	}
	f.Fuzz(func(t *testing.T, main, server []byte) { checkParse(t, main, server) })
}

// TestParseOfHugeFiles has each pattern fill a large file. Without the checks
// before the parser several of them take it ten seconds and more, sixteen times
// that at the bound of 1 MiB, or its stack.
func TestParseOfHugeFiles(t *testing.T) {
	patterns := []string{
		"a: 1\n", "a:\n", "- \n", "- - ", "- a: 1\n", "- a:\n", "a: {\n", "[", "{", "{a: ", "{a, ", "[{", "? ", "? a\n", "a: *x\n", "a: &x 1\n", "&a ", "*a ", "!!str ",
		"a: 'x'\n", "a: |\n", "a: >\n b\n", "a: b #\n", "# c\n", "\n", " ", ": ", ":", "-", "'", "\"", "\"\\", "<<: {}\n", "--- \n", "--- a\n", "...\n", "%a\n", ",", "x ", "x\n",
		"]", "}", "\t", "\r", "k: v\r", "\u00e9", "{}", "[]", "a: []\n", "a: {b, ", "a: [b: c, ", "  - x\n", "|\n", "@", "`", "\ufeff", "\u2028",
	}
	for _, head := range []string{"", "x: {"} {
		for _, p := range patterns {
			data := []byte(head + strings.Repeat(p, (256<<10-len(head))/len(p)))
			t.Run(fmt.Sprintf("%q,%q", head, p), func(t *testing.T) { checkParse(t, data, []byte("address: 10.0.0.1\n")) })
		}
	}
	var keys strings.Builder
	for i := range 60000 {
		keys.WriteString("key" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + ": 1\n")
	}
	checkParse(t, []byte(keys.String()), nil)
	var deeper strings.Builder
	for i := range 1000 {
		deeper.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	checkParse(t, []byte(deeper.String()), nil)

	// What bounds the time is said; the time itself is another one on each machine.
	const want = "keys or list entries have no value"
	if _, err := Parse([]Source{{Name: "failoverd.yaml", Data: []byte(strings.Repeat("a:\n", maxEmpty+1))}}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a file of empty keys: %v, want that more than %d %s", err, maxEmpty, want)
	}
}

// TestParseOfManyServers is the largest sensible configuration.
func TestParseOfManyServers(t *testing.T) {
	var b strings.Builder
	b.WriteString("servers:\n")
	const n = 5000
	for i := range n {
		b.WriteString("  - {name: S" + itoa(i) + ", address: 10." + itoa(i/250) + "." + itoa(i%250) + ".1, takeover: {mode: manual}}\n")
	}
	begin := time.Now()
	c := mustParse(t, b.String())
	if len(c.Servers) != n {
		t.Errorf("%d servers, want %d", len(c.Servers), n)
	}
	t.Logf("%d servers in %s", n, time.Since(begin))
}

func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + itoa(i%10)
}

// FuzzEditOptions changes one option in any text: it is refused with problems that have no line end in them, or the option, and
// nothing else, says something else in what comes of it.
func FuzzEditOptions(f *testing.F) {
	f.Add([]byte("alerts:\n  email:\n    to:\n      - a@example.com # us\n"), uint8(8), "b@example.com", false)
	f.Add([]byte("standby: {capacity: 2}\n# more\ndefaults:\n  ping: {fail_after: 20}\n"), uint8(16), "3", false)
	f.Add([]byte("alerts:\n    daily_report: \"06:30\"\n\n    remind_every: 2h\n"), uint8(10), "", true)
	f.Fuzz(func(t *testing.T, text []byte, key uint8, value string, reset bool) {
		c := OptionChange{Key: optionKeys[int(key)%len(optionKeys)], Values: []string{value}, Reset: reset}
		if reset {
			c.Values = nil
		}
		next, err := EditOptions("options.yaml", text, []OptionChange{c})
		if err != nil {
			var problems Errors
			if !errors.As(err, &problems) || len(problems) == 0 || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v", err)
			}
			return
		}
		was, _ := optionsIn(&report{}, Source{Name: "options.yaml", Data: text})
		is, _ := optionsIn(&report{}, Source{Name: "options.yaml", Data: next})
		for _, k := range optionKeys {
			if before, after := keyed(was, k), keyed(is, k); k != c.Key && fmt.Sprint(written(before)) != fmt.Sprint(written(after)) {
				t.Fatalf("%s has changed with %s in\n%s\nto\n%s", k, c.Key, text, next)
			}
		}
	})
}
