package chaos

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
)

// Step is one thing that happens in a story.
type Step struct {
	Wait time.Duration // after the step before has begun; what takes long goes on beside the next ones
	Verb string        // what happens
	Of   string        // to what, the rest of the line; may be empty
}

// step is the act after a wait.
func step(wait time.Duration, act string) Step {
	verb, of, _ := strings.Cut(act, " ")
	return Step{Wait: wait, Verb: verb, Of: of}
}

// Act is the step without its wait: "crash pbx".
func (s Step) Act() string { return strings.TrimSpace(s.Verb + " " + s.Of) }

// String is the step's line.
func (s Step) String() string { return fmt.Sprintf("+%v %s", s.Wait, s.Act()) }

// Story is what happens to a company, in order. Every step may be left out: one that has nothing to do does nothing.
type Story struct {
	Seed  uint64 // what it was made from, 0 if a person wrote it
	Steps []Step
}

// String is the story as text, which ReadStory reads.
func (s Story) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\n", s.Seed)
	for _, step := range s.Steps {
		fmt.Fprintln(&b, step)
	}
	return b.String()
}

// Lasts is how long its waits are together.
func (s Story) Lasts() (d time.Duration) {
	for _, step := range s.Steps {
		d += step.Wait
	}
	return d
}

// maxSteps bounds a story that is read.
const maxSteps = 10_000

// ReadStory reads a story: a line "seed NUMBER", then a line "+WAIT ACT" for each step. Empty lines, and what follows a
// number sign, are left out. A step that nobody can play is an error.
func ReadStory(r io.Reader) (Story, error) {
	var s Story
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		switch {
		case len(words) == 0:
		case len(words) == 2 && words[0] == "seed":
			if _, err := fmt.Sscan(words[1], &s.Seed); err != nil {
				return Story{}, fmt.Errorf("line %d: seed %q is not a number", n, words[1])
			}
		case len(words) >= 2 && strings.HasPrefix(words[0], "+"):
			wait, err := time.ParseDuration(words[0][1:])
			if err != nil || wait < 0 {
				return Story{}, fmt.Errorf("line %d: %q is no time to wait", n, words[0])
			}
			step := step(wait, strings.Join(words[1:], " "))
			if !playable(step) {
				return Story{}, fmt.Errorf("line %d: nobody knows how to %q", n, step.Act())
			}
			if s.Steps = append(s.Steps, step); len(s.Steps) > maxSteps {
				return Story{}, fmt.Errorf("line %d: more than %d steps", n, maxSteps)
			}
		default:
			return Story{}, fmt.Errorf("line %d: want \"+WAIT ACT\", got %q", n, text)
		}
	}
	return s, lines.Err()
}
