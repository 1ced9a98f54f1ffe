package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A story is data: what is written down is read again as it was.
func TestStoryIsText(t *testing.T) {
	for seed := range uint64(20) {
		want := Generate(seed, 2*time.Minute)
		got, err := ReadStory(strings.NewReader(want.String()))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d (-written +read):\n%s", seed, diff)
		}
	}
	got, err := ReadStory(strings.NewReader("# by hand\n\n+1.5s crash pbx # now\n+0s rest\n"))
	want := Story{Steps: []Step{{1500 * time.Millisecond, "crash", "pbx"}, {0, "rest", ""}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("by hand: %v (-want +got):\n%s", err, diff)
	}
}

func TestReadStoryRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"+1s explode pbx":                        "line 1: nobody knows",
		"+1s":                                    "line 1: want",
		"crash pbx":                              "line 1: want",
		"\n+soon crash pbx":                      "line 2: \"+soon\"",
		"+-1s crash pbx":                         "line 1: \"+-1s\"",
		"seed x":                                 "line 1: seed",
		strings.Repeat("+1s rest\n", maxSteps+1): "more than",
	} {
		if _, err := ReadStory(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want an error with %q", text, err, want)
		}
	}
}

// Everything that the generator makes up can be played, the same seed gives the same story, and many seeds give all there
// is.
func TestGenerate(t *testing.T) {
	never := map[string]bool{}
	for _, trouble := range troubles() {
		for _, act := range append(trouble.until, trouble.act) {
			if never[act] = true; !playable(step(0, act)) {
				t.Errorf("nobody can play %q", act)
			}
		}
		if trouble.most < trouble.least || (len(trouble.until) == 0) != (trouble.most == 0) {
			t.Errorf("%s lasts from %v to %v, until %v", trouble.act, trouble.least, trouble.most, trouble.until)
		}
	}
	for seed := range uint64(60) {
		s := Generate(seed, 90*time.Second)
		if diff := cmp.Diff(s, Generate(seed, 90*time.Second)); diff != "" {
			t.Fatalf("seed %d gives two stories:\n%s", seed, diff)
		}
		if l := s.Lasts(); l < 75*time.Second || l > 2*time.Minute {
			t.Errorf("seed %d lasts %v", seed, l)
		}
		for _, step := range s.Steps {
			if step.Wait < 0 {
				t.Fatalf("seed %d: %v", seed, step)
			}
			delete(never, step.Act())
		}
	}
	if len(never) > 0 {
		t.Errorf("never seen: %v", never)
	}
	if cmp.Diff(Generate(1, time.Minute), Generate(2, time.Minute)) == "" {
		t.Error("two seeds give the same story")
	}
}

// acts are the acts of a story.
func acts(s Story) (list []string) {
	for _, step := range s.Steps {
		list = append(list, step.Act())
	}
	return list
}

// Of a long story remain the steps without which it would not go wrong.
func TestShrink(t *testing.T) {
	in := func(s Story, wanted ...string) bool {
		have := acts(s)
		for _, act := range wanted {
			i := slices.Index(have, act)
			if i < 0 {
				return false
			}
			have = have[i+1:]
		}
		return true
	}
	long := Generate(7, 3*time.Minute)
	place := func(at int, act string) { long.Steps = slices.Insert(long.Steps, at, step(time.Second, act)) }
	place(5, "crash pbx")
	place(len(long.Steps)/2, "reboot standby")
	place(len(long.Steps)-2, "failover crm")
	want := []string{"crash pbx", "reboot standby", "failover crm"}
	tries := 0
	short := Shrink(long, 1000, func(s Story) bool { tries++; return in(s, want...) })
	if diff := cmp.Diff(want, acts(short)); diff != "" {
		t.Errorf("of %d steps, in %d tries (-want +got):\n%s", len(long.Steps), tries, diff)
	}
	if short.Seed != long.Seed {
		t.Errorf("its seed is %d, want %d", short.Seed, long.Seed)
	}

	tries = 0
	short = Shrink(long, 12, func(s Story) bool { tries++; return in(s, want...) })
	if tries > 12 || len(short.Steps) >= len(long.Steps) || !in(short, want...) {
		t.Errorf("with 12 tries: %d were made, and %d of %d steps are left", tries, len(short.Steps), len(long.Steps))
	}
	if always := Shrink(long, 1000, func(Story) bool { return true }); len(always.Steps) != 1 {
		t.Errorf("of one that always goes wrong %d steps are left", len(always.Steps))
	}
	if never := Shrink(long, 1000, func(Story) bool { return false }); len(never.Steps) != len(long.Steps) {
		t.Errorf("of one that never goes wrong again %d of %d steps are left", len(never.Steps), len(long.Steps))
	}
}
