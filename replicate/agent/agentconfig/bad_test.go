package agentconfig

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBadFilesGiveTheMessageThatAPersonNeeds(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"empty":           {"", []string{`1:1: the file is empty; write at least one key`}},
		"only comments":   {"# x\n", []string{`1:1: the file is empty; write at least one key`}},
		"a list":          {"- a\n", []string{`1:1: a list stands where keys are expected; write keys such as name, without a dash`}},
		"a word":          {"hello\n", []string{`1:1: a value stands where keys are expected; write keys below it: name, listen, data_dir, trees, backups, databases, application, discover; after the colon of a key stands a space`}},
		"unknown key":     {"tree: []\n", []string{`1:1: tree: unknown key; did you mean trees?`}},
		"unknown far":     {"x: 1\n", []string{`1:1: x: unknown key; the keys here are name, listen, data_dir, trees, backups, databases, application, discover`}},
		"dash for under":  {"data-dir: /x\n", []string{`1:1: data-dir: unknown key; did you mean data_dir?`}},
		"twice":           {"name: a\nname: b\n", []string{`2:1: name: the key is written twice; keep one of the two`}},
		"name":            {"name: a b\n", []string{`1:1: name: "a b" cannot be a name; write 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit`}},
		"name is true":    {"name: true\n", []string{`1:1: name: true is a truth value, not text; write it in quotes if it is meant, or 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit`}},
		"name is nothing": {"name:\n", []string{`1:1: name: the key has no value; write 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit, or remove the key`}},
		"listen":          {"listen: 7443\n", []string{`1:1: listen: "7443" cannot be listened on; write "0.0.0.0:7443", "[::]:7443" or an address of this host with a port`}},
		"data_dir":        {"data_dir: data\n", []string{`1:1: data_dir: "data" is not an absolute path; write the whole path, beginning with /`}},
		"trees a word":    {"trees: /srv\n", []string{`1:1: trees: the value is not a list; write a list of trees, each beginning with - name:`}},
		"trees of words":  {"trees: [/srv]\n", []string{`1:9: trees[0]: a value stands where keys are expected; write keys below it: name, directory, writable, settle, max_wait, scan_interval; after the colon of a key stands a space`}},
		"tree incomplete": {"trees:\n  - settle: 1s\n", []string{`2:5: trees[0].name: the key is missing; write a name, such as vm`, `2:5: trees[0].directory: the key is missing; write the whole path, such as /srv/ctserver/VM`}},
		"root as a tree":  {"trees: [{name: a, directory: /}]\n", []string{`1:19: trees[a].directory: "/" is a directory of the system; write a directory that holds data only`}},
		"proc as a tree":  {"trees: [{name: a, directory: /srv/../proc/1}]\n", []string{`1:19: trees[a].directory: "/srv/../proc/1" is a directory of the system; write a directory that holds data only`}},
		"etc as a tree":   {"trees: [{name: a, directory: /etc/failoverd}]\n", []string{`1:19: trees[a].directory: "/etc/failoverd" is a directory of the system; write a directory that holds data only`}},
		"same tree":       {"trees: [{name: a, directory: /srv/a}, {name: a, directory: /srv/b}]\n", []string{`1:40: trees[a].name: the name a is used twice; write another name`}},
		"tree in a tree":  {"trees: [{name: a, directory: /srv/a/b}, {name: b, directory: /srv/a}]\n", []string{`1:51: trees[b].directory: /srv/a and /srv/a/b, a tree, lie in one another; write directories that are apart`}},
		"key in a tree":   {"trees: [{name: a, directory: /var/lib}]\n", []string{`1:19: trees[a].directory: /var/lib and /var/lib/failoverd-agent, the agent's data_dir, lie in one another; write directories that are apart`}},
		"databases": {"databases:\n  - {name: a, file: a.db}\n  - {name: a, file: /srv/}\n  - {file: /etc/failoverd/x}\n", []string{
			`2:15: databases[a].file: "a.db" is not an absolute path; write the whole path, beginning with /`,
			`3:6: databases[a].name: the name a is used twice; write another name`,
			`3:15: databases[a].file: "/srv/" is the path of a directory; write the path of the file`,
			`4:6: databases[2].file: "/etc/failoverd/x" is a file of the system; write a file that holds data`,
			`4:6: databases[2].name: the key is missing; write a name, such as calls`,
		}},
		"backup of key":    {"backups: [{name: a, directory: /d/b}]\ndata_dir: /d\n", []string{`1:21: backups[a].directory: /d/b and /d, the agent's data_dir, lie in one another; write directories that are apart`}},
		"writable":         {"trees: [{name: a, directory: /a, writable: yes}]\n", []string{`1:34: trees[a].writable: the value is no truth value; write true or false`}},
		"no unit":          {"trees: [{name: a, directory: /a, settle: 3}]\n", []string{`1:34: trees[a].settle: "3" has no unit; write 3s (units: ms, s, m, h)`}},
		"too long":         {"trees: [{name: a, directory: /a, max_wait: 2h}]\n", []string{`1:34: trees[a].max_wait: 2h is out of range; write 1s to 1h`}},
		"days":             {"trees: [{name: a, directory: /a, scan_interval: 1d}]\n", []string{`1:34: trees[a].scan_interval: "1d" is not a duration; write a duration such as 300ms, 30s, 10m or 2h`}},
		"settle, max_wait": {"trees: [{name: a, directory: /a, settle: 1m}]\n", []string{`1:10: trees[a]: settle 1m is longer than max_wait 30s; write a shorter settle or a longer max_wait`}},
		"start nothing":    {"application: {timeout: 10s}\n", []string{`1:1: application.start: the key is missing; write start: {units: [NAME.service]} or start: {command: [PROGRAM]}`}},
		"start twice":      {"application: {start: {units: [a.service], command: [/a]}, stop: {command: [/a]}, check: {command: [/a]}}\n", []string{`1:1: application: stop and check belong to a start by command; remove them: systemd stops units and knows whether they run`, `1:15: application.start: units and command exclude each other, and one of them is needed; write one of the two`}},
		"no way to stop":   {"application: {start: {command: [/a]}, check: {command: [/b]}}\n", []string{`1:1: application: there is a command to start the application, but not both to stop and to check it; write stop and check as well: without them it cannot be kept from running`}},
		"unit":             {"application: {start: {units: [ct]}}\n", []string{`1:31: application.start.units[0]: "ct" is no name of a systemd unit; write ct.service`}},
		"no units":         {"application: {start: {units: []}}\n", []string{`1:23: application.start.units: the list of units is empty; write a unit, or remove application`}},
		"relative command": {"application: {start: {command: [ct]}, stop: {command: []}, check: {command: [/a]}}\n", []string{`1:33: application.start.command[0]: "ct" is not an absolute path; write the program's whole path, or ["/bin/sh", "-c", "…"] for a line of shell`, `1:46: application.stop.command: the command is empty; write ["/path/of/program", "argument"]`}},
		"ports":            {"discover: {ports: [0, x, 65536]}\n", []string{`1:20: discover.ports[0]: "0" is no port; write a number from 1 to 65535`, `1:23: discover.ports[1]: "x" is no port; write a number from 1 to 65535`, `1:26: discover.ports[2]: "65536" is no port; write a number from 1 to 65535`}},
		"anchor":           {"name: &a x\n", []string{`1:1: name: anchors (&), aliases (*) and tags (!) are not used here; write the value out, in quotes if it begins so: 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit`}},
		"tab":              {"trees:\n\t- name: a\n", []string{`2:1: the line is indented with a tab; indent with spaces`}},
		"no UTF-8":         {"name: \xff\n", []string{`1:1: the line is no UTF-8; save the file as UTF-8`}},
		"NUL":              {"name: a\x00\n", []string{`1:8: the line holds a control character; remove it`}},
		"NUL by an escape": {`name: "a\0b"` + "\n", []string{`1:1: name: "a\x00b" is empty or holds control characters; write 1 to 63 letters, digits, dots, dashes or underscores, the first a letter or digit`}},
		"second document":  {"name: a\n---\nname: b\n", []string{`2:1: a second document begins here; remove the line ---: one file holds one document`}},
		"open bracket":     {"trees: [a\n", []string{`1:8: this is no valid YAML (sequence end token ']' not found); check the indentation, colons, quotes and brackets here and in the lines above`}},
		"all at once":      {"nmae: a\nlisten: x\ntrees:\n  - name: a\n    directroy: /a\n", []string{`1:1: nmae: unknown key; did you mean name?`, `2:1: listen: "x" cannot be listened on; write "0.0.0.0:7443", "[::]:7443" or an address of this host with a port`, `4:5: trees[a].directory: the key is missing; write the whole path, such as /srv/ctserver/VM`, `5:5: trees[a].directroy: unknown key; did you mean directory?`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("agent.yaml", []byte(tt.text))
			problems, ok := errors.AsType[Errors](err)
			if !ok {
				t.Fatalf("accepted: %v", err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.String(), "agent.yaml:"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// mostTime is what parsing may take on a busy machine, for any file that is small enough to be read at all.
const mostTime = 4 * time.Second

// checkParse holds the result of parsing anything against what every caller relies on.
func checkParse(t *testing.T, data []byte) {
	t.Helper()
	begin := time.Now()
	c, err := Parse("agent.yaml", data)
	if took := time.Since(begin); took > mostTime {
		t.Fatalf("parsing took %s", took)
	}
	if err != nil {
		problems, ok := errors.AsType[Errors](err)
		if !ok || len(problems) == 0 || len(problems) > maxProblems+1 {
			t.Fatalf("an error of another kind: %v", err)
		}
		lines := 1 + strings.Count(string(data), "\n")
		for _, p := range problems {
			if p.File != "agent.yaml" || p.Line < 1 || p.Line > lines || p.Column < 1 || p.Problem == "" || p.Expect == "" || strings.Contains(p.String(), "\n") {
				t.Fatalf("a problem without a place or a remedy, or of several lines: %+v", p)
			}
		}
		return
	}
	for _, tree := range c.Trees {
		if !names.MatchString(tree.Name) || !strings.HasPrefix(tree.Directory, "/") || tree.Directory == "/" || inside(c.DataDir, tree.Directory) || tree.Settle > tree.MaxWait || tree.Settle <= 0 {
			t.Fatalf("a rule is broken in %+v", tree)
		}
	}
	for _, b := range c.Backups {
		if !names.MatchString(b.Name) || !strings.HasPrefix(b.Directory, "/") || inside(c.DataDir, b.Directory) || b.ServerDirectory == "" {
			t.Fatalf("a rule is broken in %+v", b)
		}
	}
	for _, d := range c.Databases {
		if !names.MatchString(d.Name) || !strings.HasPrefix(d.File, "/") || ofTheSystem(d.File) {
			t.Fatalf("a rule is broken in %+v", d)
		}
	}
	if a := c.Application; a != nil && (len(a.Units) > 0) == (len(a.Start) > 0) {
		t.Fatalf("a rule is broken in %+v", a)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(Reference())
	f.Add([]byte(required))
	f.Add([]byte("\r0"))
	f.Add([]byte("a: &x [*x, !!str b, <<: {}]\n---\n? x\n"))
	f.Fuzz(checkParse)
}

// TestParseOfHugeFiles fills a file of the largest size with each pattern: within that bound the parser's bad cases are
// bearable.
func TestParseOfHugeFiles(t *testing.T) {
	patterns := []string{
		"a: 1\n", "a:\n", "- \n", "- - ", "- a: 1\n", "a: {\n", "[", "{", "{a: ", "{a, ", "[{", "? ", "? a\n", "a: *x\n", "a: &x 1\n", "&a ", "*a ", "!!str ",
		"a: |\n", "a: >\n b\n", "# c\n", "\n", " ", ": ", ":", "-", "'", "\"", "\"\\", "<<: {}\n", "--- \n", "...\n", "%a\n", ",", "x ", "]", "\r", "{}", "a: []\n", "  - x\n",
	}
	for _, head := range []string{"", "x: {"} {
		for _, p := range patterns {
			t.Run(fmt.Sprintf("%q,%q", head, p), func(t *testing.T) {
				checkParse(t, []byte(head+strings.Repeat(p, (maxFile-len(head))/len(p))))
			})
		}
	}
	var keys strings.Builder
	for i := range maxFile / 8 {
		fmt.Fprintf(&keys, "k%d: 1\n", i)
	}
	checkParse(t, []byte(keys.String())[:maxFile-1])
	checkParse(t, []byte(strings.Repeat("x", maxFile+1)))
}
