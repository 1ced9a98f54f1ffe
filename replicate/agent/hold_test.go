package agent

import (
	"strings"
	"testing"
	"time"
)

// TestHoldTold: what a host remembers of its standby's words: held by a takeover, free again by its end or by hand, and never
// by an older takeover than one that is known.
func TestHoldTold(t *testing.T) {
	then, now := time.Unix(1000, 0), time.Unix(2000, 0)
	for name, test := range map[string]struct {
		was   Hold
		held  bool
		epoch uint64
		want  Hold
		older bool
	}{
		"the first word":              {Hold{}, false, 0, Hold{Boot: "now", At: now}, false},
		"nothing new":                 {Hold{Boot: "now", At: then, Epoch: 3}, false, 3, Hold{Boot: "now", At: then, Epoch: 3}, false},
		"taken over":                  {Hold{Boot: "then", At: then, Epoch: 3}, true, 4, Hold{Held: true, Boot: "now", At: now, Epoch: 4}, false},
		"the first takeover":          {Hold{}, true, 1, Hold{Held: true, Boot: "now", At: now, Epoch: 1}, false},
		"still":                       {Hold{Held: true, Boot: "now", At: then, Epoch: 4}, true, 4, Hold{Held: true, Boot: "now", At: then, Epoch: 4}, false},
		"still, after a boot":         {Hold{Held: true, Boot: "then", At: then, Epoch: 4}, true, 4, Hold{Held: true, Boot: "now", At: now, Epoch: 4}, false},
		"released":                    {Hold{Held: true, Boot: "now", At: then, Epoch: 4}, false, 4, Hold{Boot: "now", At: now, Epoch: 4}, false},
		"lifted, and a late word":     {Hold{Boot: "now", At: then, Epoch: 4}, true, 4, Hold{Boot: "now", At: then, Epoch: 4}, false},
		"an old standby would hold":   {Hold{Boot: "now", At: then, Epoch: 4}, true, 3, Hold{Boot: "now", At: then, Epoch: 4}, true},
		"an old standby would free":   {Hold{Held: true, Boot: "now", At: then, Epoch: 4}, false, 3, Hold{Held: true, Boot: "now", At: then, Epoch: 4}, true},
		"taken over from a takeover":  {Hold{Held: true, Boot: "now", At: then, Epoch: 4}, true, 5, Hold{Held: true, Boot: "now", At: now, Epoch: 5}, false},
		"free under a later takeover": {Hold{Held: true, Boot: "now", At: then, Epoch: 4}, false, 5, Hold{Boot: "now", At: now, Epoch: 5}, false},
	} {
		got, err := test.was.told(test.held, test.epoch, "now", now)
		if got != test.want || (err != nil) != test.older {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, test.want)
		}
	}
}

// TestPasses: a host comes up unless its standby stands in, as far as is known here, or somebody has its address.
func TestPasses(t *testing.T) {
	for name, test := range map[string]struct {
		h      Hold
		heard  string
		open   bool
		reason string
	}{
		"nothing is known":                {Hold{}, "", true, "no standby has ever said"},
		"nothing is known, address taken": {Hold{}, "52:54 answers", false, "52:54 answers"},
		"free":                            {Hold{Boot: "b"}, "", true, "says that it does not stand in"},
		"free, address taken":             {Hold{Boot: "b"}, "52:54 answers", false, "52:54 answers"},
		"not heard":                       {Hold{Boot: "a"}, "", true, "was not heard since"},
		"held":                            {Hold{Held: true, Boot: "b"}, "", false, "stands in since"},
		"held before the boot":            {Hold{Held: true, Boot: "a"}, "", false, "stands in since"},
	} {
		if open, reason := test.h.Passes("b", test.heard); open != test.open || !strings.Contains(reason, test.reason) {
			t.Errorf("%s: %v, %q", name, open, reason)
		}
	}
}

// TestTheStandbySaysThatItStandsIn: the word is on the disk of the primary before it is answered, survives the agent, and is
// lifted when the standby has the application started, or by hand.
func TestTheStandbySaysThatItStandsIn(t *testing.T) {
	app := &ct{}
	b := newBed(t, func(c *ServerConfig) {
		c.Services = map[string]Service{
			ServiceHold:        NewHolding(c.Data, "boot", c.Log),
			ServiceApplication: NewApplication(app, "ct.service", func() error { return LiftHold(c.Data, time.Now()) }, c.Log),
		}
	})
	say := func(held bool, epoch uint64) (Hold, error) { return b.client.Hold(t.Context(), b.at, held, epoch) }
	if _, err := say(true, 1); err == nil {
		t.Error("a stranger is believed")
	}
	b.pair(b.client)
	if h, err := say(true, 1); err != nil || !h.Held {
		t.Fatalf("%+v, %v", h, err)
	}
	b.stop()
	b.start()
	if h, err := ReadHold(b.dir); err != nil || !h.Held || h.Boot != "boot" {
		t.Errorf("after a restart: %+v, %v", h, err)
	}
	if _, err := say(false, 0); refusal(err) != OlderEpoch {
		t.Errorf("an older takeover: %v", err)
	}
	if _, err := b.client.Application(t.Context(), b.at, OrderStart); err != nil {
		t.Fatal(err)
	}
	if h, err := say(true, 1); err != nil || h.Held || app.starts != 1 {
		t.Errorf("after the start: %+v, %v; started %d times", h, err, app.starts)
	}
	if h, err := say(true, 2); err != nil || !h.Held {
		t.Errorf("the next takeover: %+v, %v", h, err)
	}
	if err := LiftHold(b.dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	if h, err := say(true, 2); err != nil || h.Held {
		t.Errorf("after it was lifted by hand: %+v, %v", h, err)
	}
	if _, err := b.client.Hold(t.Context(), b.at, false, 2); err != nil {
		t.Error(err)
	}
	stream, _, err := b.client.Open(t.Context(), b.at, Request{Service: ServiceHold, Order: "go"})
	if refusal(err) != BadRequest {
		t.Errorf("a word that is none: %v, %v", stream, err)
	}
}
