package monitor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A scenario is a story in testdata/scenarios. Lines that begin with ":" set
// it up, with ">" are what happens, with "<" what must follow, in full and in
// order; everything else is prose.
//
// Notes and alerts, and what is begun, cancelled or defended, have to be
// written down in the story. Questions by ARP, considerations and switched
// synchronisation are quiet: they are checked where the story names them.
type scenario struct {
	t         *testing.T
	now       time.Time
	order     []string
	servers   map[string]*watched
	capacity  int
	linkUp    bool
	witness   bool // the gateway answers
	answered  time.Time
	settled   time.Time
	off       bool // witnesses: []
	isolated  bool
	data      Data
	said      []string // effects that the story has not told yet
	quiet     []string
	steps     int
	delivered int
}

// watched is one server of a scenario.
type watched struct {
	facts  Facts
	policy Policy
	onLink bool
	asking bool
	arp    string // who answers ARP for its address, empty if nobody does
	due    bool
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			play(t, file, text)
		})
	}
}

// play reads a scenario and plays it.
func play(t *testing.T, file string, text []byte) {
	s := &scenario{
		t: t, now: noon, servers: map[string]*watched{}, capacity: 1,
		linkUp: true, witness: true, answered: noon, data: Data{Note: "nothing is replicated"},
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	checked := false
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if len(line) < 2 || line[1] != ' ' {
			continue
		}
		var err error
		rest := strings.TrimSpace(line[2:])
		switch line[0] {
		case ':':
			err = s.set(rest)
		case '>':
			if checked {
				err = s.allTold()
			}
			checked = false
			if err == nil {
				err = s.happens(rest)
			}
		case '<':
			checked = true
			err = s.follows(rest)
		}
		if err != nil {
			t.Fatalf("%s:%d: %s\n\t%v", file, n, line, err)
		}
	}
	if err := s.allTold(); err != nil {
		t.Fatalf("%s: at the end: %v", file, err)
	}
	if s.steps == 0 || s.delivered == 0 {
		t.Fatalf("%s: %d events, %d expectations", file, s.steps, s.delivered)
	}
}

// allTold reports effects that the story does not mention.
func (s *scenario) allTold() error {
	if len(s.said) > 0 {
		return fmt.Errorf("the story does not tell: %s", strings.Join(s.said, "\n\t"))
	}
	return nil
}

// set sets the scenario up: "capacity 2", "server a priority 10 fail_after 3".
func (s *scenario) set(line string) error {
	w := strings.Fields(line)
	switch w[0] {
	case "capacity":
		n, err := strconv.Atoi(w[1])
		s.capacity = n
		return err
	case "witnesses":
		s.off = w[1] == "off"
		return nil
	case "data":
		s.data = Data{Replicated: true, Complete: w[1] != "none"}
		if s.data.Complete {
			age, err := time.ParseDuration(w[1])
			s.data.Age = age
			return err
		}
		return nil
	case "server":
		return s.setServer(w[1], w[2:])
	}
	return fmt.Errorf("cannot be set")
}

// setServer adds a server, or changes one.
func (s *scenario) setServer(name string, w []string) error {
	v := s.servers[name]
	if v == nil {
		v = &watched{policy: defaults(name)}
		v.facts.Paths = make([]PathCount, 1)
		s.servers[name] = v
		s.order = append(s.order, name)
	}
	for len(w) > 0 {
		key, value := w[0], ""
		if len(w) > 1 {
			value = w[1]
		}
		number, _ := strconv.Atoi(value)
		length, _ := time.ParseDuration(value)
		two := true
		p := &v.policy
		switch key {
		case "priority":
			p.Priority = number
		case "interval":
			p.Interval = length
		case "timeout":
			p.Timeout = length
		case "warn_after":
			p.WarnAfter = number
		case "fail_after":
			p.FailAfter = number
		case "max_age":
			p.MaxAge = length
		case "release_after":
			p.ReleaseAfter = length
		case "paths":
			v.facts.Paths = make([]PathCount, number)
		case "on_claim":
			p.OnClaim = map[string]Claiming{"defend": Defend, "yield": Yield, "alert": AlertOnly}[value]
		case "neighbour":
			v.onLink = true
			v.facts.Neighbour = Neighbour{OnLink: true, Known: value}
		default:
			two = false
			switch key {
			case "manual":
				p.Automatic = false
			case "seize":
				p.Seize = true
			case "fenced":
				p.Fenced = true
			case "own-address":
				p.AssumeAddress = false
			case "auto_release":
				p.AssumeAddress, p.AutoRelease = false, true
			default:
				return fmt.Errorf("no setting %q", key)
			}
		}
		w = w[1:]
		if two {
			w = w[1:]
		}
	}
	return nil
}

var times = regexp.MustCompile(` x(\d+)$`)

// happens plays one line: "a missed x5", "a, b missed", "witness silent".
func (s *scenario) happens(line string) error {
	s.quiet = nil
	repeat := 1
	if m := times.FindStringSubmatch(line); m != nil {
		repeat, _ = strconv.Atoi(m[1])
		line = strings.TrimSuffix(line, m[0])
	}
	who, what, _ := strings.Cut(line, " ")
	switch who {
	case "witness":
		s.witness = what == "answers"
		return nil
	case "link":
		s.linkUp = what == "up"
		if !s.linkUp {
			s.isolate("the standby's own link is down")
		}
		return nil
	case "settle":
		length, err := time.ParseDuration(what)
		s.settled = s.now.Add(length)
		return err
	case "wait":
		length, err := time.ParseDuration(what)
		s.pass(length)
		return err
	case "thawed":
		s.isolated = false
		for _, n := range s.order {
			s.step(n, Event{Kind: Thawed, Reason: "the standby is connected again"})
		}
		return nil
	}
	names := []string{who}
	for strings.HasSuffix(who, ",") {
		names[len(names)-1] = strings.TrimSuffix(who, ",")
		who, what, _ = strings.Cut(what, " ")
		names = append(names, who)
	}
	for range repeat {
		if beat(what) {
			s.pass(s.servers[names[0]].policy.Interval)
		}
		for _, n := range names {
			if s.servers[n] == nil {
				return fmt.Errorf("no server %q", n)
			}
			s.now = s.now.Add(time.Millisecond)
			if err := s.event(n, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// beat reports whether an event takes an interval.
func beat(what string) bool {
	return strings.HasPrefix(what, "missed") || strings.HasPrefix(what, "answered") ||
		strings.HasPrefix(what, "cannot") || strings.HasPrefix(what, "probe")
}

// pass lets time go by; a witness that answers does so all the time.
func (s *scenario) pass(d time.Duration) {
	s.now = s.now.Add(d)
	if s.witness && s.linkUp {
		s.answered = s.now
	}
}
