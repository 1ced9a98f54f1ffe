package takeover

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/plan"
)

func names(p plan.Plan) string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

func TestWhatAPlanConsistsOf(t *testing.T) {
	fence := &Fence{Command: "ipmi off", Timeout: time.Minute, Continue: true}
	tests := map[string]struct {
		change   func(*Server)
		copies   bool
		takeover string
		release  string
	}{
		"the default":                {func(*Server) {}, false, "probe assume announce start ready", "stop drop"},
		"its own address":            {func(s *Server) { s.Assume = false }, false, "start ready", "stop"},
		"with data":                  {func(*Server) {}, true, "quiesce promote probe assume announce start ready", "stop drop seal"},
		"with data, address first":   {func(s *Server) { s.First = true }, true, "probe assume announce quiesce promote start ready", "stop drop seal"},
		"with a fence":               {func(s *Server) { s.Fence = fence }, false, "fence probe assume announce start ready", "stop drop"},
		"fence, data, address first": {func(s *Server) { s.Fence, s.First = fence, true }, true, "fence probe assume announce quiesce promote start ready", "stop drop seal"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := subject()
			test.change(&s)
			h := newHost()
			parts := h.parts(nil)
			if test.copies {
				parts.Copies = copies{h}
			}
			if got := names(Takeover(s, parts)); got != test.takeover {
				t.Errorf("takeover: %s; want %s", got, test.takeover)
			}
			home := Home{Ahead: []plan.Step{{Name: "look"}}, Data: []plan.Step{{Name: "copy"}}}
			back := map[bool]string{true: " seal"}[test.copies] + " copy" + map[bool]string{true: " drop"}[s.Assume]
			if got, want := names(Failback(s, parts, home)), "back look turn stop"+back; got != want {
				t.Errorf("failback: %s; want %s", got, want)
			}
			if got := names(Release(s, parts)); got != test.release {
				t.Errorf("release: %s; want %s", got, test.release)
			}
		})
	}
}

func TestWhatOutlivesTheDaemonIsWrittenDownAndUndone(t *testing.T) {
	h := newHost()
	s := subject()
	s.Fence, s.Keep = &Fence{Continue: true}, true
	p := Takeover(s, h.parts(nil))
	if p.OnFailure != plan.Keep || Release(s, h.parts(nil)).OnFailure != plan.Keep {
		t.Error("on_failure: keep is not kept")
	}
	for _, step := range p.Steps {
		if undone := step.Undo != nil; undone != (step.Name == StepAssume || step.Name == StepStart) {
			t.Errorf("%s can be undone: %t", step.Name, undone)
		}
		if durable := step.Durable; durable != (step.Name == StepFence || step.Name == StepAssume || step.Name == StepStart) {
			t.Errorf("%s is written down before it is done: %t", step.Name, durable)
		}
		if step.Optional != (step.Name == StepFence) {
			t.Errorf("%s is optional: %t", step.Name, step.Optional)
		}
	}
}

// forgetful records nothing.
type forgetful struct{}

func (forgetful) Record(context.Context, plan.Record, bool) error { return nil }

// carryOut runs a plan.
func carryOut(t *testing.T, p plan.Plan) (plan.Record, error) {
	t.Helper()
	return plan.Run(t.Context(), p, plan.New(p, "1", plan.Actor{}, "", nil, time.Now()), forgetful{})
}

func TestTakeoverAndRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost(), newWire(t)
		r, err := carryOut(t, Takeover(subject(), h.parts(w.q)))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"assume 192.168.11.1", "assume 192.168.11.3",
			"announce 192.168.11.1", "announce 192.168.11.3", "verify 192.168.11.1", "verify 192.168.11.3",
			"start", "ready",
		}
		if diff := cmp.Diff(want, h.done()); diff != "" || r.State != plan.Succeeded {
			t.Errorf("%s, done (-want +got):\n%s", r.State, diff)
		}
		// All of it may be done again.
		if _, err := carryOut(t, Takeover(subject(), h.parts(w.q))); err != nil {
			t.Error(err)
		}
		h.done()
		if _, err := carryOut(t, Release(subject(), h.parts(w.q))); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"stop", "drop 192.168.11.1", "drop 192.168.11.3"}, h.done()); diff != "" {
			t.Errorf("released (-want +got):\n%s", diff)
		}
	})
}

func TestAnAddressThatIsHeldIsNotAssumed(t *testing.T) {
	tests := map[string]struct {
		change func(*Server)
		begun  bool // it has been asked for since the first miss
		taken  bool
	}{
		"refuse":                        {func(*Server) {}, false, false},
		"seize":                         {func(s *Server) { s.Seize = true }, false, true},
		"ordered, and silent until now": {func(s *Server) { s.Ordered = true }, true, false},
		"fenced, and silent until now": {func(s *Server) {
			s.Fence = &Fence{Run: func(context.Context) (string, error) { return "off\nmore", nil }}
		}, true, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := newHost(), newWire(t)
				if test.begun {
					w.q.Begin(service, spacing)
					w.q.Begin(second, spacing)
					pass(5 * time.Second)
				}
				w.set(func() { w.answers[second] = mac })
				s := subject()
				test.change(&s)
				_, err := carryOut(t, Takeover(s, h.parts(w.q)))
				var held *HeldError
				if taken := err == nil; taken != test.taken || !taken && (!errors.As(err, &held) || held.IP != second) {
					t.Errorf("error %v, want it taken: %t", err, test.taken)
				}
				if h.Holds(service) != test.taken || h.Holds(second) != test.taken {
					t.Errorf("holds %t, %t", h.Holds(service), h.Holds(second))
				}
			})
		})
	}
}

func TestAllAddressesOrNone(t *testing.T) {
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			h, w := newHost(), newWire(t)
			h.fail["assume 192.168.11.3"] = errBusy
			s := subject()
			s.Keep = keep
			if _, err := carryOut(t, Takeover(s, h.parts(w.q))); !errors.Is(err, errBusy) {
				t.Errorf("error %v", err)
			}
			if h.Holds(service) {
				t.Errorf("keep %t: one address is held without the other", keep)
			}
		})
	}
}

func TestAReleaseThatFailsLeavesWhatServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := standsIn(), newWire(t)
		h.fail["drop 192.168.11.3"] = errBusy
		r, err := carryOut(t, Release(subject(), h.parts(w.q)))
		if !errors.Is(err, errBusy) || r.State != plan.Undone {
			t.Errorf("%s, %v", r.State, err)
		}
		if !h.Holds(service) || !h.running {
			t.Errorf("holds %t, runs %t: the users have lost what they had", h.Holds(service), h.running)
		}
	})
}

func TestADryRun(t *testing.T) {
	tests := map[string]struct {
		given   func(h *host, w *wire)
		change  func(*Server)
		blocked string // the step that would refuse
		accept  string
		says    string // what the step "probe" found
	}{
		"free":              {func(*host, *wire) {}, func(*Server) {}, "", "", "192.168.11.1 is free, 192.168.11.3 is free"},
		"in use":            {func(_ *host, w *wire) { w.answers[second] = mac }, func(*Server) {}, StepProbe, AddressInUse, "192.168.11.3 is in use by " + mac},
		"in use, seize":     {func(_ *host, w *wire) { w.answers[second] = mac }, func(s *Server) { s.Seize = true }, "", "", "192.168.11.3 is in use by " + mac},
		"cannot be asked":   {func(_ *host, w *wire) { w.broken = errBusy }, func(*Server) {}, StepProbe, "", "ask for 192.168.11.1: device or resource busy"},
		"held by ourselves": {func(h *host, w *wire) { h.held[second] = true; w.answers[second] = mac }, func(*Server) {}, "", "", "192.168.11.1 is free"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, w := newHost(), newWire(t)
				test.given(h, w)
				s := subject()
				test.change(&s)
				for _, step := range plan.Show(t.Context(), Takeover(s, h.parts(w.q))) {
					if step.Blocked != (step.Name == test.blocked) || step.Blocked && step.Accept != test.accept {
						t.Errorf("step %+v", step)
					}
					if step.Name == StepProbe && step.Value != test.says {
						t.Errorf("found %q, want %q", step.Value, test.says)
					}
				}
				if acts := h.done(); len(acts) != 0 {
					t.Errorf("a dry run has done: %v", acts)
				}
			})
		})
	}
}

func TestAnAnnouncementThatIsNotHeardIsToldAndDoesNotEndTheTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, w := newHost(), newWire(t)
		p := h.parts(w.q)
		var told []string
		p.Announced = func(ip netip.Addr, v Verified) { told = append(told, ip.String()+" "+v.Result) }
		p.Announcer = deaf{h}
		r, err := carryOut(t, Takeover(subject(), p))
		if err != nil || r.State != plan.Succeeded {
			t.Errorf("%s, %v", r.State, err)
		}
		if diff := cmp.Diff([]string{"192.168.11.1 failed", "192.168.11.3 failed"}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// deaf are neighbours that do not listen.
type deaf struct{ *host }

func (deaf) Verify(context.Context, netip.Addr) Verified { return Verified{Result: "failed"} }

// TestCopiesArePromotedAndSealed opens the copies before the stand-in starts, seals them when that fails, and after a
// release; one that cannot be sealed keeps nobody from the primary.
func TestCopiesArePromotedAndSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		s := subject()
		s.Assume = false
		parts := h.parts(nil)
		parts.Copies = copies{h}
		if _, err := carryOut(t, Takeover(s, parts)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"quiesce", "release true", "start", "ready"}, h.done()); diff != "" {
			t.Errorf("taken over (-want +got):\n%s", diff)
		}
		h.fail["release false"] = errors.New("the server is away")
		r, err := carryOut(t, Release(s, parts))
		if err != nil || r.State != plan.Partial {
			t.Errorf("released: %s, %v", r.State, err)
		}
		if diff := cmp.Diff([]string{"stop", "release false"}, h.done()); diff != "" {
			t.Errorf("released (-want +got):\n%s", diff)
		}
		h.fail = map[string]error{"ready": errors.New("it does not come up")}
		if r, err := carryOut(t, Takeover(s, parts)); err == nil || r.State != plan.Undone {
			t.Errorf("a stand-in that does not come up: %s, %v", r.State, err)
		}
		if diff := cmp.Diff([]string{"quiesce", "release true", "start", "ready", "stop", "release false"}, h.done()); diff != "" {
			t.Errorf("undone (-want +got):\n%s", diff)
		}
	})
}
