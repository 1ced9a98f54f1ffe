package address

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const padding18 = "0000000000000000 0000000000000000 0000"

func TestFramesAsSent(t *testing.T) {
	mac, none := hw("02:fa:00:00:00:02"), netip.Addr{}
	for _, c := range []struct {
		name  string
		build func() ([][]byte, error)
		want  []string
	}{
		{"announcement: request, then reply to oneself", func() ([][]byte, error) { return announcement(mac, ip("10.99.0.50")) }, []string{
			"ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0001 02fa00000002 0a630032 000000000000 0a630032 |" + padding18,
			"ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0002 02fa00000002 0a630032 02fa00000002 0a630032 |" + padding18,
		}},
		{"question: an ordinary request", func() ([][]byte, error) { return one(question(mac, ip("10.99.0.2"), ip("10.99.0.50"))) }, []string{
			"ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0001 02fa00000002 0a630002 000000000000 0a630032 |" + padding18,
		}},
		{"question without an address of our own: a probe", func() ([][]byte, error) { return one(question(mac, none, ip("10.99.0.50"))) }, []string{
			"ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0001 02fa00000002 00000000 000000000000 0a630032 |" + padding18,
		}},
		{"introduction: an ordinary request", func() ([][]byte, error) { return one(introduction(mac, ip("10.99.0.50"), ip("10.99.0.1"))) }, []string{
			"ffffffffffff 02fa00000002 0806 | 0001 0800 06 04 0001 02fa00000002 0a630032 000000000000 0a630001 |" + padding18,
		}},
		{"IPv6 announcement: override, to all nodes", func() ([][]byte, error) { return announcement(mac, ip("fd00:99::32")) }, []string{
			"333300000001 02fa00000002 86dd | 60000000 0020 3a ff " + service6 + "ff020000000000000000000000000001 | 8800 580c 20000000 " + service6 + "0201 02fa00000002",
		}},
		{"IPv6 question", func() ([][]byte, error) { return one(question(mac, ip("fe80::1%eth0"), ip("fd00:99::32"))) }, []string{
			"3333ff000032 02fa00000002 86dd | 60000000 0020 3a ff " + fromLL + toGroup + "| 8700 7a23 00000000 " + service6 + "0101 02fa00000002",
		}},
		{"IPv6 question without a link-local address", func() ([][]byte, error) { return one(question(mac, none, ip("fd00:99::32"))) }, []string{
			"3333ff000032 02fa00000002 86dd | 60000000 0018 3a ff " + fromNone + toGroup + "| 8700 7caa 00000000 " + service6,
		}},
		{"IPv6 introduction to a link-local neighbour", func() ([][]byte, error) { return one(introduction(mac, ip("fd00:99::32"), ip("fe80::1%eth0"))) }, []string{
			"3333ff000001 02fa00000002 86dd | 60000000 0020 3a ff " + service6 + "ff0200000000000000000001ff000001 | 8700 7a54 00000000 " + fromLL + "0101 02fa00000002",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.build()
			if err != nil {
				t.Fatal(err)
			}
			var want [][]byte
			for _, s := range c.want {
				want = append(want, raw(t, s))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("frames (-want +got):\n%s", diff)
			}
			for _, b := range got {
				if _, why := parseFrame(b); why != kept {
					t.Errorf("our own frame would be dropped: %v", why)
				}
			}
		})
	}
	if _, err := introduction(mac, ip("10.99.0.50"), ip("fe80::1")); err == nil {
		t.Error("a neighbour of the other family is accepted")
	}
}

func one(b []byte, err error) ([][]byte, error) { return [][]byte{b}, err }
