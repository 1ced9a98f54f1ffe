package docs_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// words splits a line of a shell into its commands, and each into its words. It knows quotes, comments, the signs
// between commands, and redirections, which it drops with their target.
func words(line string) [][]string {
	var commands [][]string
	var command []string
	var word strings.Builder
	begun, quote, redirected := false, rune(0), false
	endWord := func() {
		if begun && !redirected {
			command = append(command, word.String())
		}
		if begun {
			redirected = false
		}
		word.Reset()
		begun = false
	}
	endCommand := func() {
		endWord()
		if len(command) > 0 {
			commands = append(commands, command)
		}
		command = nil
	}
scan:
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == '#' && !begun:
			break scan
		case r == ' ' || r == '\t':
			endWord()
		case r == '|' || r == ';' || r == '&' || r == '(' || r == ')':
			endCommand()
		case r == '>' || r == '<':
			endWord()
			redirected = true
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	endCommand()
	return commands
}

// ours returns the arguments of the failoverd commands among a line's.
func ours(line string) [][]string {
	var found [][]string
	for _, command := range words(line) {
		for len(command) > 0 && (command[0] == "sudo" || command[0] == "$" || regexp.MustCompile(`^[A-Z_]+=`).MatchString(command[0])) {
			command = command[1:]
		}
		if len(command) > 0 && (command[0] == "failoverd" || command[0] == "./bin/failoverd") {
			found = append(found, command[1:])
		}
	}
	return found
}

func TestWords(t *testing.T) {
	line := `$ sudo failoverd suspend A --reason "OS patches; all" --for 2h > /dev/null && FAILOVERD_URL=x failoverd status | jq . # failoverd nonsense`
	want := [][]string{{"suspend", "A", "--reason", "OS patches; all", "--for", "2h"}, {"status"}}
	if diff := cmp.Diff(want, ours(line)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// commands runs command lines of failoverd against no daemon, each once: the documents name many of them again and again.
type commands struct {
	binary, dir string
	known       map[string]answer
}

// answer is what a command line has printed, and its exit code.
type answer struct {
	out  string
	code int
}

// wrong says what is wrong with the arguments, "" if nothing is. Nothing is done: no daemon answers, and what needs none
// and does something, or asks for something first, is asked for its help only.
func (c commands) wrong(args []string) string {
	if len(args) == 0 {
		return ""
	}
	helped := slices.Contains([]string{"serve", "lab", "agent", "pair"}, args[0]) || slices.Contains(args, "--socket") || slices.Contains(args, "--url")
	if helped {
		return c.unknown(args)
	}
	out, code := c.run(args)
	// Usage; the confirmation that cannot be asked for comes after the question to the daemon. As a plugin it says that there is none.
	if code == 2 && !strings.HasPrefix(out, "FAILOVERD CRITICAL - no daemon answers") {
		return out
	}
	return ""
}

// unknown says which command or flag is not known, "" if all are. Arguments may be missing.
func (c commands) unknown(args []string) string {
	out, code := c.run(append(slices.Clone(args), "--help"))
	if code != 0 {
		return out
	}
	// Help that lists commands is of a group: the word behind its name is no command of it.
	usage := regexp.MustCompile(`(?m)^  failoverd ?([a-z -]*) \[command\]$`).FindStringSubmatch(out)
	itself := regexp.MustCompile(`(?m)^  failoverd [a-z -]*[A-Z]+ \[flags\]$`).MatchString(out) // a command as well, that takes a name
	if usage == nil || itself {
		return ""
	}
	path := strings.Fields(usage[1])
	var rest []string // without flags and what may be their values
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && (i == 0 || !strings.HasPrefix(args[i-1], "--")) {
			rest = append(rest, a)
		}
	}
	if len(rest) > len(path) && rest[0] != "help" {
		return "no such command: " + strings.Join(rest, " ")
	}
	return ""
}

func (c commands) run(args []string) (string, int) {
	line := strings.Join(args, "\x00")
	a, known := c.known[line]
	if !known {
		a = c.ask(args)
		c.known[line] = a
	}
	return a.out, a.code
}

func (c commands) ask(args []string) answer {
	command := exec.Command(c.binary, args...)
	command.Dir = c.dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "FAILOVERD_SOCKET=" + filepath.Join(c.dir, "none.sock")}
	out, err := command.CombinedOutput()
	if command.ProcessState == nil {
		return answer{err.Error(), -1}
	}
	return answer{string(out), command.ProcessState.ExitCode()}
}

func TestCommands(t *testing.T) {
	c := commands{program(t), t.TempDir(), map[string]answer{}}
	shown := 0
	for _, path := range documents(t) {
		blocks, prose := split(read(t, path))
		for _, b := range blocks {
			for i, line := range strings.Split(b.text, "\n") {
				prompt := strings.HasPrefix(strings.TrimSpace(line), "$ ")
				if b.info != "sh" && !prompt {
					continue
				}
				if path == "docs/cli.md" {
					line, _, _ = strings.Cut(line, "   ") // its examples are followed by what they do
				}
				for _, args := range ours(line) {
					shown++
					if wrong := c.wrong(args); wrong != "" {
						t.Errorf("%s:%d: failoverd %s:\n%s", path, b.line+i+1, strings.Join(args, " "), wrong)
					}
				}
			}
		}
		for i, line := range prose {
			for _, m := range regexp.MustCompile("`((?:sudo )?failoverd [a-z][^`]*)`").FindAllStringSubmatch(line, -1) {
				for _, args := range ours(strings.ReplaceAll(m[1], "…", "")) {
					shown++
					if wrong := c.unknown(args); wrong != "" {
						t.Errorf("%s:%d: failoverd %s:\n%s", path, i+1, strings.Join(args, " "), wrong)
					}
				}
			}
		}
	}
	if shown < 100 {
		t.Errorf("only %d commands were found", shown)
	}
}

func TestCommandsSeesWhatIsWrong(t *testing.T) {
	c := commands{program(t), t.TempDir(), map[string]answer{}}
	for line, wrong := range map[string]bool{
		"status A B --json":               false,
		"status --nope":                   true,
		"statsu":                          true,
		"failover A --yes --reason x":     false,
		"failover":                        true,
		"failover A B":                    true,
		"suspend A":                       true, // no reason
		"token create A --role viewer":    false,
		"token make A":                    true,
		"failback A":                      false,
		"handover A":                      false,
		"serve --config /none --nope":     true,
		"lab --keep":                      false,
		"status --url https://none --yes": true,
		"status --url https://none":       false,
		"events --since yesterday":        true,
		"help exit-codes":                 false,
	} {
		if got := c.wrong(strings.Fields(line)); (got != "") != wrong {
			t.Errorf("failoverd %s: %q, want wrong: %t", line, got, wrong)
		}
	}
	for line, wrong := range map[string]bool{"suspend": false, "token nope": true, "token": false, "give A away": true, "reload --force": true} {
		if got := c.unknown(strings.Fields(line)); (got != "") != wrong {
			t.Errorf("failoverd %s: %q, want wrong: %t", line, got, wrong)
		}
	}
}

// TestRequests looks whether every request that is shown is one that the API has.
func TestRequests(t *testing.T) {
	var spec struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(read(t, "docs/openapi.json")), &spec); err != nil {
		t.Fatal(err)
	}
	exists := func(method, path string) bool {
		for template, methods := range spec.Paths {
			pattern := "^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), "[^/]+") + "$"
			if _, ok := methods[strings.ToLower(method)]; ok && regexp.MustCompile(pattern).MatchString(path) {
				return true
			}
		}
		return false
	}
	if exists(http.MethodGet, "/api/v1/nope") || exists(http.MethodGet, "/api/v1/reload") || !exists(http.MethodPost, "/api/v1/servers/A/suspend") {
		t.Fatal("what exists is not told from what does not")
	}
	request := regexp.MustCompile(`https?://(?:localhost|192\.168\.11\.2:8443)(/[^\s"'?]*)`)
	shown := 0
	for _, path := range []string{"docs/api.md", "docs/monitoring.md"} {
		blocks, _ := split(read(t, path))
		for _, b := range blocks {
			for i, line := range strings.Split(b.text, "\n") {
				m := request.FindStringSubmatch(line)
				if m == nil || b.info != "sh" {
					continue
				}
				shown++
				method := http.MethodGet
				if given := regexp.MustCompile(`-X ([A-Z]+)`).FindStringSubmatch(line); given != nil {
					method = given[1]
				}
				if !exists(method, m[1]) {
					t.Errorf("%s:%d: there is no %s %s", path, b.line+i+1, method, m[1])
				}
			}
		}
	}
	if shown < 20 {
		t.Errorf("only %d requests were found", shown)
	}
}
