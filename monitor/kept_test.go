package monitor

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// full is Kept with every field set, so that one that is not written down, or
// that a new field was forgotten for, is seen.
func full(t *testing.T) Kept {
	at := func(n int) time.Time { return time.Date(2026, 3, 1, 12, n, 0, 123456789, time.FixedZone("", 3600)) }
	k := Kept{
		Mode: Suspended, Health: Failure, Activity: ToLive, Role: Releasing,
		AfterReboot: true, Ordered: true, Incomplete: "start", AwaitsPrimary: true, Acknowledged: true,
		LastTakeover: at(1), RoleSince: at(2), StateSince: at(3), Epoch: 1 << 60, Diverged: true, OutOfDate: true,
		Wish:     Wish{By: "anna \u00e9 \"quoted\"", Reason: "why\nnot", Since: at(4), Until: at(5), Reminded: at(7), Incident: "a-s1"},
		Incident: "a-1", Hold: Hold{Manual, "because"}, Told: Waiting,
		Setback: Hold{GaveUp, "it failed"}, SetbackAt: at(6), Failed: true, Announced: true,
		Discarding: true, CopyFailed: true, Late: true,
	}
	v := reflect.ValueOf(k)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("%s is not set in this test", v.Type().Field(i).Name)
		}
	}
	return k
}

func TestKeptSurvives(t *testing.T) {
	want := full(t)
	body, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var have Kept
	if err := json.Unmarshal(body, &have); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	again, err := json.Marshal(have)
	if err != nil || string(again) != string(body) {
		t.Errorf("written again it reads %s, %v", again, err)
	}
	// The counters are not written down, whole facts or not.
	whole, err := json.Marshal(Facts{Kept: want, Counters: Counters{Misses: 3}})
	if err != nil || string(whole) != string(body) {
		t.Errorf("facts are written as %s, %v", whole, err)
	}
}

func TestKeptIsReadByNameAndTolerant(t *testing.T) {
	var k Kept
	err := json.Unmarshal([]byte(`{"mode":"stopped","health":"suspect","activity":"replicating from live","role":"standing in",
		"of_a_later_version":{"a":1},"wish":{"by":"anna","colour":"red"}}`), &k)
	if err != nil {
		t.Fatal(err)
	}
	want := Kept{Mode: Stopped, Health: Suspect, Activity: FromLive, Role: StandingIn, Wish: Wish{By: "anna"}}
	if diff := cmp.Diff(want, k); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, bad := range []string{`{"mode":"asleep"}`, `{"health":"fine"}`, `{"activity":"busy"}`, `{"role":"king"}`} {
		if err := json.Unmarshal([]byte(bad), &k); err == nil || !strings.Contains(err.Error(), "is no ") {
			t.Errorf("%s is read as %+v, %v", bad, k, err)
		}
	}
	for r := StandingBy; r <= Releasing; r++ {
		text, _ := r.MarshalText()
		var back Role
		if err := back.UnmarshalText(text); err != nil || back != r {
			t.Errorf("%s is read as %s, %v", r, back, err)
		}
	}
}

func TestChangedLooksAtWhatIsWrittenDown(t *testing.T) {
	a := Facts{Kept: full(t)}
	b := a
	b.Misses, b.Warned = 3, true
	if Changed(a, b) {
		t.Error("a counter is not written down")
	}
	b.Epoch++
	if !Changed(a, b) {
		t.Error("the epoch is written down")
	}
}
