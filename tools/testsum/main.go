// Testsum reads the output of go test -json and prints what a person wants to see of it: a line for each package, the
// output of what failed, the reason of what was skipped, the tests that took longest, and a closing line with the counts.
//
// It ends with status 1 if anything failed, if nothing was run, or, with -no-skip, if a test was skipped.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build
	Test       string
	Elapsed    float64
	Output     string
}

func main() {
	noSkip := flag.Bool("no-skip", false, "a skipped test is a failure")
	flag.Parse()
	if err := summarize(os.Stdin, os.Stdout, *noSkip); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
}

// summarize copies the summary of in to out. The error says what is wrong with the run, or with in.
func summarize(in io.Reader, out io.Writer, noSkip bool) error {
	var passed, failed, skipped int
	outputs := map[string]*strings.Builder{} // by package and test, until the test has ended
	failures := map[string]int{}             // of tests, by package
	var slow slowest
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		var e event
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			// What go says itself, about go.mod for one, is not JSON.
			fmt.Fprintln(out, scanner.Text())
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Fprint(out, e.Output)
			continue
		case "output":
			if outputs[key] == nil {
				outputs[key] = &strings.Builder{}
			}
			outputs[key].WriteString(e.Output)
			continue
		case "pass", "fail", "skip":
		default:
			continue
		}
		if e.Test != "" && !strings.Contains(e.Test, "/") {
			slow.add(key, e.Elapsed)
		}
		text := ""
		if b := outputs[key]; b != nil {
			text = b.String()
			delete(outputs, key)
		}
		switch {
		case e.Test == "" && e.Action == "fail":
			fmt.Fprintf(out, "FAIL  %-45s %.1f s\n", e.Package, e.Elapsed)
			// The package failed without a test that failed: it does not build, it panicked, its time was up.
			if failures[e.Package] == 0 {
				fmt.Fprint(out, text)
				failed++
			}
		case e.Test == "":
			word := map[string]string{"pass": "ok", "skip": "--"}[e.Action] // skip: a package without tests
			fmt.Fprintf(out, "%-5s %-45s %.1f s\n", word, e.Package, e.Elapsed)
		case e.Action == "pass":
			passed++
		case e.Action == "fail":
			failed++
			failures[e.Package]++
			fmt.Fprintf(out, "FAIL  %s\n%s", key, text)
		case e.Action == "skip":
			skipped++
			fmt.Fprintf(out, "SKIP  %s\n%s", key, text)
		}
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	slow.print(out)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	switch {
	case failed > 0:
		return fmt.Errorf("%d failed", failed)
	case passed == 0:
		return fmt.Errorf("no test was run")
	case noSkip && skipped > 0:
		return fmt.Errorf("%d skipped: everything has to be run here", skipped)
	}
	return nil
}

// slowest are the tests that took longest, the longest first.
type slowest []timed

// timed is a test and how long it took.
type timed struct {
	test    string
	seconds float64
}

// most is how many are shown, worth is how long one takes that is.
const (
	most  = 10
	worth = 10.0
)

// add takes one in, if it is one of them.
func (s *slowest) add(test string, seconds float64) {
	if seconds < worth {
		return
	}
	*s = append(*s, timed{test, seconds})
	slices.SortStableFunc(*s, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	*s = (*s)[:min(len(*s), most)]
}

// print lists them.
func (s slowest) print(out io.Writer) {
	for _, t := range s {
		fmt.Fprintf(out, "slow  %6.1f s  %s\n", t.seconds, t.test)
	}
}
