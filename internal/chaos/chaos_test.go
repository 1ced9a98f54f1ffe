package chaos

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"failoverd/internal/lab"
)

// The flags of make chaos.
type flags struct {
	last    time.Duration // how long stories are told
	seed    uint64        // of the first story
	chapter time.Duration // how long a story is
	shrink  time.Duration // how long a story that went wrong may be made shorter
	file    string        // a story to tell
	keep    string        // where to leave what went wrong
	judge   string        // a history to judge anew
}

// given are they, read from the command line of the test.
func given(t *testing.T) flags {
	t.Helper()
	get := func(name string) any { return flag.Lookup(name).Value.(flag.Getter).Get() }
	return flags{
		get("chaos").(time.Duration), get("seed").(uint64), get("chapter").(time.Duration), get("shrink").(time.Duration), get("story").(string), get("keep").(string), get("judge").(string),
	}
}

func TestMain(m *testing.M) {
	Application()
	flag.Duration("chaos", 0, "how long TestChaos tells stories; 0 tells the short one of testdata")
	flag.Uint64("seed", 1, "seed of the first story")
	flag.Duration("chapter", 90*time.Second, "how long a story is, without the way home")
	flag.Duration("shrink", 15*time.Minute, "how long a story that went wrong may be made shorter")
	flag.String("story", "", "`FILE` with the story to tell")
	flag.String("keep", os.TempDir(), "`DIRECTORY` to leave the history and the journal of a story that went wrong in")
	flag.String("judge", "", "`FILE` with a history that was left, to judge anew")
	os.Exit(lab.Main(m))
}

// built is the program, as a person would build it.
func built(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "failoverd")
	if out, err := exec.Command("go", "build", "-o", program, "failoverd/cmd/failoverd").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// newPlayer is one that plays with the program of this tree.
func newPlayer(t *testing.T) Player {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Player{Program: built(t), Self: self, Log: func(string, ...any) {}}
}

// read reads a story.
func read(t *testing.T, file string) Story {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := ReadStory(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// needLab fails or skips a test where there is no lab.
func needLab(t *testing.T) {
	t.Helper()
	if missing := lab.Missing(); len(missing) > 0 {
		lab.New(t) // says so
	}
}

// TestChaos tells a short story in which most of what can happen happens once, and holds the six promises against what
// was seen; `make chaos` goes on with random ones for as long as one likes. A story that goes wrong is told again and again
// with steps left out, until what is left is short.
func TestChaos(t *testing.T) {
	t.Parallel()
	o := given(t)
	if o.judge != "" {
		judgeAnew(t, o.judge)
		return
	}
	needLab(t)
	p := newPlayer(t)
	if o.last > 0 || o.file != "" {
		p.Log = t.Logf
	}
	switch {
	case o.file != "":
		tell(t, p, o, read(t, o.file))
	case o.last == 0:
		tell(t, p, o, read(t, "testdata/short.story"))
	default:
		told := 0
		for begun := time.Now(); time.Since(begun) < o.last && !t.Failed(); told++ {
			s := Generate(o.seed+uint64(told), o.chapter)
			t.Logf("seed %d: %d steps in %v", s.Seed, len(s.Steps), s.Lasts())
			tell(t, p, o, s)
		}
		t.Logf("%d stories, seeds %d to %d", told, o.seed, o.seed+uint64(told)-1)
	}
}

// tell tells a story and judges it. One that went wrong is made shorter.
func tell(t *testing.T, p Player, o flags, s Story) {
	t.Helper()
	wrong := func(h *History) bool { return len(Judge(h)) > 0 }
	h, left, err := p.Play(t.Context(), s, wrong)
	if err != nil {
		t.Fatalf("seed %d cannot be told: %v", s.Seed, err)
	}
	if o.last > 0 {
		t.Logf("seed %d: %s", s.Seed, summary(h))
	}
	found := Judge(h)
	if len(found) == 0 {
		return
	}
	first := found[0]
	for _, v := range found {
		t.Errorf("seed %d: %v", s.Seed, v)
	}
	where := filepath.Join(o.keep, fmt.Sprintf("chaos-seed-%d", s.Seed))
	if err := leave(where, left, h); err != nil {
		t.Error(err)
	}
	t.Logf("what was seen is in %s", where)
	if o.last == 0 && o.file == "" {
		return
	}
	begun := time.Now()
	quiet := p
	quiet.Log = func(string, ...any) {}
	short := Shrink(s, 60, func(s Story) bool {
		if time.Since(begun) > o.shrink {
			return false
		}
		again := false
		if _, _, err := quiet.Play(t.Context(), s, func(h *History) bool {
			for _, v := range Judge(h) {
				again = again || v.Name == first.Name
			}
			return false
		}); err != nil {
			t.Logf("cannot be told: %v", err)
		}
		t.Logf("with %d steps it goes wrong: %t", len(s.Steps), again)
		return again
	})
	t.Errorf("seed %d, in short (tell it with -story FILE):\n%s", s.Seed, short)
}

// judgeAnew judges a history that was left.
func judgeAnew(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var h History
	if err := json.Unmarshal(text, &h); err != nil {
		t.Fatal(err)
	}
	for _, v := range Judge(&h) {
		t.Error(v)
	}
}

// leave leaves what there is of a story that went wrong.
func leave(where, dir string, h *History) error {
	if err := errors.Join(os.RemoveAll(where), os.MkdirAll(where, 0o700)); err != nil {
		return err
	}
	if dir != "" {
		for _, name := range []string{"failoverd.log", "agent.log", "left"} {
			if err := os.Rename(filepath.Join(dir, name), filepath.Join(where, name)); err != nil {
				return err
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(h, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(where, "history.json"), text, 0o600)
}

// summary is a line about what was seen.
func summary(h *History) string {
	kinds := map[string]int{}
	for _, o := range h.Operations {
		kinds[fmt.Sprintf("%s %s", o.Kind, o.State)]++
	}
	return fmt.Sprintf("%v; %d answers, %d mails, %d events, %d rests, daemon started %d times, %v",
		h.Ended.Sub(h.Began).Round(time.Second), len(h.Answers), len(h.Letters), len(h.Events), len(h.Rests), len(h.Lives), kinds)
}

// TestPlantedForReal spoils a running company behind failoverd's back, with the tools that an administrator has, and
// wants the checker to find each of it in what was seen: an address that is held twice, half a copy in service, an older
// copy over a newer, an event that is gone.
func TestPlantedForReal(t *testing.T) {
	t.Parallel()
	needLab(t)
	p := newPlayer(t)
	p.Meddle = func(number int, m Meddler) error {
		switch number {
		case 1:
			return m.TakeAddress()
		case 2:
			return errors.Join(m.GiveAddress(), m.Keep("whole"), m.Halve())
		case 3:
			return m.Restore("whole")
		case 5:
			return m.Keep("newer")
		case 6:
			return m.Restore("whole")
		case 7:
			return errors.Join(m.Restore("newer"), m.Erase("takeover.done"))
		}
		return nil
	}
	h, _, err := p.Play(t.Context(), read(t, "testdata/planted.story"), func(*History) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, v := range Judge(h) {
		t.Log(v)
		found[v.Name] = true
	}
	for _, want := range []string{"two holders", "half a copy", "newer data lost", "history forgotten"} {
		if !found[want] {
			t.Errorf("%q was planted and not found", want)
		}
	}
}
