package address

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/internal/lab"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addressesOf lists a host's eth0 with labels, link-local addresses left out.
func addressesOf(t *testing.T, h *lab.Host) []string {
	t.Helper()
	var found []string
	on(t, h, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
		for _, a := range list {
			if !a.IP.IsLinkLocalUnicast() {
				found = append(found, strings.TrimSpace(a.IPNet.String()+" "+a.Label))
			}
		}
		return err
	})
	slices.Sort(found)
	return found
}

func wantAddresses(t *testing.T, h *lab.Host, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, addressesOf(t, h)); diff != "" {
		t.Errorf("addresses of %s (-want +got):\n%s", h.Name, diff)
	}
}

func TestAssumeAndDropTwice(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	standby := w.standby
	own := []string{"10.99.0.20/24 eth0", "fd00:99::20/64"}
	services := []string{"10.99.0.50/24", "10.77.0.50/24", "fd00:99::32/64"}
	for range 2 {
		for range 2 {
			on(t, standby, func() error {
				for _, s := range services {
					if err := h.Assume(t.Context(), "eth0", netip.MustParsePrefix(s)); err != nil {
						return err
					}
				}
				return nil
			})
			wantAddresses(t, standby, append([]string{"10.99.0.50/32 eth0:fo", "10.77.0.50/24 eth0:fo", "fd00:99::32/128"}, own...)...)
		}
		on(t, standby, func() error {
			// Another holder, as after a restart, knows them all.
			held, err := NewHolder(discard()).Held(t.Context())
			slices.SortFunc(held, func(a, b Held) int { return a.Prefix.Compare(b.Prefix) })
			want := []Held{
				{"eth0", netip.MustParsePrefix("10.77.0.50/24")},
				{"eth0", netip.MustParsePrefix("10.99.0.50/32")},
				{"eth0", netip.MustParsePrefix("fd00:99::32/128")},
			}
			if diff := cmp.Diff(want, held, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			return err
		})
		// IPv6 is usable when Assume returns, as the broadcast address is IPv4's.
		listener, err := standby.Listen("tcp", "[fd00:99::32]:80")
		if err != nil {
			t.Fatal(err)
		}
		_ = listener.Close()
		for range 2 {
			on(t, standby, func() error {
				for _, s := range services {
					if err := h.Drop(t.Context(), "eth0", netip.MustParsePrefix(s).Addr()); err != nil {
						return err
					}
				}
				return nil
			})
			wantAddresses(t, standby, own...)
		}
	}
}

func TestRemovingWhatIsGoneAlready(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	on(t, w.standby, func() error {
		if err := h.Assume(t.Context(), "eth0", netip.MustParsePrefix("10.99.0.50/24")); err != nil {
			return err
		}
		all, err := h.kernel.addresses()
		if err != nil {
			return err
		}
		// Somebody may remove it between our looking and our removing.
		i := slices.IndexFunc(all, entry.marked)
		return errors.Join(h.kernel.remove(all[i]), h.kernel.remove(all[i]))
	})
	wantAddresses(t, w.standby, "10.99.0.20/24 eth0", "fd00:99::20/64")
}

func TestAddingWhatHasJustCome(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	p := netip.MustParsePrefix("10.99.0.50/32")
	on(t, w.standby, func() error {
		index, err := linkIndex("eth0")
		if err != nil {
			return err
		}
		e := entry{index: index, link: "eth0", prefix: p, label: label("eth0"), proto: ourProto}
		return errors.Join(h.add(e, "eth0", p), h.add(e, "eth0", p))
	})
	w.client.AddAddress("10.99.0.50/32")
	on(t, w.client, func() error {
		index, err := linkIndex("eth0")
		if err != nil {
			return err
		}
		e := entry{index: index, link: "eth0", prefix: p, label: label("eth0"), proto: ourProto}
		if err := h.add(e, "eth0", p); !errors.Is(err, ErrForeign) {
			t.Errorf("an address that somebody just added: %v", err)
		}
		return nil
	})
}

func TestAForeignAddressIsNeverTouched(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	w.standby.AddAddress("10.99.0.50/32")
	w.standby.AddAddress("fd00:99::32/128")
	before := addressesOf(t, w.standby)
	on(t, w.standby, func() error {
		for _, s := range []string{"10.99.0.50/24", "10.99.0.50/32", "fd00:99::32/128", "10.99.0.20/24"} {
			p := netip.MustParsePrefix(s)
			if err := h.Assume(t.Context(), "eth0", p); !errors.Is(err, ErrForeign) {
				t.Errorf("assume %s: %v", p, err)
			}
			if err := h.Drop(t.Context(), "eth0", p.Addr()); !errors.Is(err, ErrForeign) {
				t.Errorf("drop %s: %v", p, err)
			}
			// Also where it is on another interface than the one asked for.
			if err := h.Assume(t.Context(), "lo", p); !errors.Is(err, ErrForeign) {
				t.Errorf("assume %s on lo: %v", p, err)
			}
		}
		held, err := h.Held(t.Context())
		if len(held) != 0 {
			t.Errorf("held: %v", held)
		}
		return err
	})
	wantAddresses(t, w.standby, before...)
}

func TestAssumeOnNoInterface(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	on(t, w.standby, func() error {
		if err := h.Assume(t.Context(), "nosuch0", netip.MustParsePrefix("10.99.0.50/32")); !errors.Is(err, ErrNoLink) {
			t.Errorf("assume: %v", err)
		}
		// What is gone with its interface is dropped.
		return h.Drop(t.Context(), "nosuch0", ip("10.99.0.50"))
	})
}

func TestADuplicateIsDetectedAndGivenUp(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	primary := w.Host("primary1", "10.99.0.11/24", lab.IPv6("fd00:99::32/64"))
	h := NewHolder(discard())
	before := addressesOf(t, w.standby)
	assume := func() (err error) {
		_ = w.standby.Do(func() error {
			err = h.Assume(t.Context(), "eth0", netip.MustParsePrefix("fd00:99::32/64"))
			return nil
		})
		return err
	}
	if err := assume(); !errors.Is(err, ErrDuplicate) {
		t.Errorf("while the primary has it: %v", err)
	}
	wantAddresses(t, w.standby, before...)
	primary.Kill()
	if err := assume(); err != nil {
		t.Errorf("when the primary is gone: %v", err)
	}
	wantAddresses(t, w.standby, append(before, "fd00:99::32/128")...)
}

func TestADuplicateThatWasLeftBehindIsTriedAnew(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	primary := w.Host("primary1", "10.99.0.11/24", lab.IPv6("fd00:99::32/64"))
	h := NewHolder(discard())
	p := netip.MustParsePrefix("fd00:99::32/128")
	failed := func() bool {
		all, err := h.kernel.addresses()
		return err == nil && slices.ContainsFunc(all, func(e entry) bool {
			return e.prefix == p && e.flags&unix.IFA_F_DADFAILED != 0
		})
	}
	on(t, w.standby, func() error {
		index, err := linkIndex("eth0")
		if err != nil {
			return err
		}
		// As a daemon leaves it that is killed while it waits for the result.
		if err := h.kernel.add(entry{index: index, prefix: p}); err != nil {
			return err
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for ctx := waiting(t); !failed(); {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return errors.New("the duplicate is not detected")
			}
		}
		primary.Kill()
		if err := h.Assume(t.Context(), "eth0", p); err != nil || failed() {
			t.Errorf("when the primary is gone: %v, duplicate %v", err, failed())
		}
		return nil
	})
	listener, err := w.standby.Listen("tcp", "[fd00:99::32]:80")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

func TestAnAddressWhoseUniquenessIsUnknownIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	before := addressesOf(t, w.standby)
	// Without a carrier duplicate address detection does not begin.
	w.standby.Down()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	on(t, w.standby, func() error {
		if err := h.Assume(ctx, "eth0", netip.MustParsePrefix("fd00:99::32/128")); !errors.Is(err, context.Canceled) {
			t.Errorf("assume: %v", err)
		}
		return nil
	})
	wantAddresses(t, w.standby, before...)
}

func TestTheLabelOfALongName(t *testing.T) {
	t.Parallel()
	w := newLAN(t)
	h := NewHolder(discard())
	on(t, w.standby, func() error {
		link, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		// Renaming needs no cable; lo serves as any other interface here.
		if err := netlink.LinkSetName(link, "verylongname012"); err != nil {
			return err
		}
		p := netip.MustParsePrefix("10.99.7.7/32")
		if err := h.Assume(t.Context(), "verylongname012", p); err != nil {
			return err
		}
		held, err := h.Held(t.Context())
		if len(held) != 1 || held[0].Prefix != p {
			t.Errorf("held: %v", held)
		}
		return errors.Join(err, h.Drop(t.Context(), "verylongname012", p.Addr()))
	})
}
