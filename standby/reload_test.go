package standby

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"failoverd/config"
	"failoverd/status"
)

// with is the configuration with these servers.
func (w *world) with(servers ...config.Server) {
	next := *w.conf
	next.Servers = servers
	w.set(func() { w.next = &next })
}

func TestReload(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(5 * time.Second)
		w.with(primary("pbx", pbx), primary("crm", crm))
		w.returns(crm)
		got, err := w.s.Reload(t.Context(), by("SIGHUP"))
		if err != nil || len(got.Changed) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		w.pass(5 * time.Second)
		w.is("crm", "OK", "standing by")
		if v := w.of("pbx"); len(v.Beats) < 3 {
			t.Error("a server that did not change was begun afresh")
		}

		// A server that is gone and comes back is where it was.
		if _, err := w.s.Suspend(t.Context(), "crm", by("maintenance")); err != nil {
			t.Fatal(err)
		}
		w.with(primary("pbx", pbx))
		if _, err := w.s.Reload(t.Context(), by("")); err != nil {
			t.Fatal(err)
		}
		if got := w.pinger.asks(); len(got) != 2 {
			t.Errorf("asked: %v", got)
		}
		w.with(primary("pbx", pbx), primary("crm", crm))
		if _, err := w.s.Reload(t.Context(), by("")); err != nil {
			t.Fatal(err)
		}
		w.is("crm", "Suspended", "standing by")
	})
}

// The first copy of a server that was added is offered, in the history once, and at each reload until it was made.
func TestTheFirstCopyIsOffered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("crm", crm)).start()
		w.pass(5 * time.Second)
		w.fills(1)
		w.returns(pbx)
		w.with(primary("crm", crm), replicated(primary("pbx", pbx)))
		reloads := func(want ...status.Uncopied) {
			t.Helper()
			got, err := w.s.Reload(t.Context(), by("a server was added"))
			if diff := cmp.Diff(append([]status.Uncopied{}, want...), got.Uncopied); diff != "" || err != nil {
				t.Errorf("offered (-want +got):\n%s%v", diff, err)
			}
		}
		offer := status.Uncopied{Server: "pbx", Catalogs: []string{"calls", "users"}, Next: "failoverd replicate from-live pbx"}
		reloads(offer)
		w.pass(time.Minute)
		reloads(offer)
		w.pass(time.Minute)
		if n := w.happened("replication.offered"); n != 1 {
			t.Errorf("it is in the history %d times", n)
		}
		if v := w.of("pbx"); v.Next != offer.Next {
			t.Errorf("the command that helps is %q: %s", v.Next, v.Summary)
		}
		open := w.engine.Shut("copy")
		r, err := w.s.Replicate(t.Context(), "pbx", status.FromLive, by("first copy"))
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		reloads() // It is on its way.
		open()
		w.endOf(r.ID)
		w.pass(time.Minute)
		reloads()
		w.stands(1, 0)
		if v := w.of("pbx"); v.Next != "" {
			t.Errorf("the command that helps is %q: %s", v.Next, v.Summary)
		}
	})
}

func TestReloadIsAllOrNothing(t *testing.T) {
	tests := map[string]struct {
		next func(w *world)
		code string
	}{
		"the file is wrong":            {func(w *world) { w.set(func() { w.fail["load"] = errors.New("failoverd.yaml:3: no") }) }, status.InvalidConfig},
		"a server that stands in goes": {func(w *world) { w.with(primary("crm", crm)) }, status.InvalidConfig},
		"its address becomes another": {func(w *world) {
			c := primary("pbx", pbx)
			c.Takeover.ServiceAddresses = []netip.Prefix{netip.PrefixFrom(crm, 32)}
			w.with(c)
		}, status.InvalidConfig},
		"its address is not assumed now": {func(w *world) { c := primary("pbx", pbx); c.Takeover.AssumeAddress = false; w.with(c) }, status.InvalidConfig},
		"its interface becomes another":  {func(w *world) { c := primary("pbx", pbx); c.Takeover.Interface = "eth1"; w.with(c) }, status.InvalidConfig},
		"the journal cannot be written": {func(w *world) {
			w.with(primary("pbx", pbx), primary("crm", crm))
			w.memory.breaks(errors.New("disk full"))
		}, status.JournalUnwritable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				w := newWorld(t, primary("pbx", pbx)).start()
				w.standsIn("pbx", pbx)
				asked := w.pinger.asks()
				test.next(w)
				if _, err := w.s.Reload(t.Context(), by("")); code(err) != test.code {
					t.Fatalf("%v, want %s", err, test.code)
				}
				w.memory.breaks(nil)
				w.pass(time.Second)
				w.is("pbx", "Failure", "standing in")
				s := w.s.Snapshot()
				if len(s.Servers) != 1 || len(s.Servers[0].ServiceAddresses) != 1 || s.Servers[0].ServiceAddresses[0] != pbx.String()+"/32" {
					t.Errorf("servers: %+v", s.Servers)
				}
				if diff := cmp.Diff(asked, w.pinger.asks()); diff != "" {
					t.Errorf("asked (-want +got):\n%s", diff)
				}
				if test.code == status.InvalidConfig {
					if s.Standby.Config.Error == "" || count(w.mails(), "config.rejected") != 1 {
						t.Errorf("not said: %+v, %v", s.Standby.Config, w.mails())
					}
				}
				if count(w.done(), "loaded") != 0 {
					t.Error("the new configuration was handed on")
				}
			})
		})
	}
}

// An address that a server had is not asked for any more, and what was counted
// for it says nothing of the new one.
func TestReloadOfAnAddress(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t, primary("pbx", pbx)).start()
		w.pass(9 * time.Second)
		w.dies(pbx)
		w.pass(25 * time.Second)
		c := primary("pbx", crm)
		w.with(c)
		if _, err := w.s.Reload(t.Context(), by("")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if v := w.of("pbx"); v.Misses > 1 || v.Address != crm.String() {
			t.Errorf("%d misses of %s", v.Misses, v.Address)
		}
		w.pass(15 * time.Second)
		seg := w.s.segmentFor("eth0")
		if f := seg.inquiry.Found(pbx); f.Asked != 0 {
			t.Errorf("the old address is still asked for: %+v", f)
		}
		if f := seg.inquiry.Found(crm); f.Asked == 0 {
			t.Error("the new address is not asked for")
		}
		// Another one that would be assumed, while it is being asked.
		third := netip.MustParseAddr("192.168.11.9")
		c.Takeover.ServiceAddresses = append(slices.Clone(c.Takeover.ServiceAddresses), netip.PrefixFrom(third, 32))
		w.with(c)
		if _, err := w.s.Reload(t.Context(), by("")); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Second)
		if f := seg.inquiry.Found(third); f.Asked == 0 {
			t.Error("the address that came is not asked for")
		}
	})
}
