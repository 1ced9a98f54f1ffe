package address

import (
	"encoding/hex"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// raw reads hexadecimal with blanks; "|" may separate the layers.
func raw(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	etherARP = "ffffffffffff 02fa00000001 0806 | "
	etherIP6 = "3333ff000032 02fa00000001 86dd | "
	fromLL   = "fe800000000000000000000000000001 "
	fromNone = "00000000000000000000000000000000 "
	service6 = "fd000099000000000000000000000032 "
	toGroup  = "ff0200000000000000000001ff000032 "
)

// frameCases have every reason at least once.
var frameCases = []struct {
	name, frame string
	want        Claim
	why         dropReason
}{
	{
		"ARP request claims its sender", etherARP + "0001 0800 06 04 0001 02fa00000001 0a63000b 000000000000 0a630001",
		Claim{IP: ip("10.99.0.11"), MAC: hw("02:fa:00:00:00:01")},
		kept,
	},
	{
		"ARP reply", etherARP + "0001 0800 06 04 0002 02fa00000001 0a63000b 02fa00000002 0a630001",
		Claim{IP: ip("10.99.0.11"), MAC: hw("02:fa:00:00:00:01")},
		kept,
	},
	{
		"the sender of the packet counts, not that of the frame", etherARP + "0001 0800 06 04 0002 02fa00000009 0a63000b 02fa00000002 0a630001",
		Claim{IP: ip("10.99.0.11"), MAC: hw("02:fa:00:00:00:09")},
		kept,
	},
	{
		"ARP probe wants its target", etherARP + "0001 0800 06 04 0001 02fa00000001 00000000 000000000000 0a63000b",
		Claim{IP: ip("10.99.0.11"), MAC: hw("02:fa:00:00:00:01"), Probe: true},
		kept,
	},
	{
		"padded", etherARP + "0001 0800 06 04 0001 02fa00000001 0a63000b 000000000000 0a630001" + strings.Repeat("00", 18),
		Claim{IP: ip("10.99.0.11"), MAC: hw("02:fa:00:00:00:01")},
		kept,
	},
	{"probe for nothing", etherARP + "0001 0800 06 04 0001 02fa00000001 00000000 000000000000 00000000", Claim{}, dropAddress},
	{"reply from nobody", etherARP + "0001 0800 06 04 0002 02fa00000001 00000000 000000000000 0a63000b", Claim{}, dropAddress},
	{"sender is a group", etherARP + "0001 0800 06 04 0002 02fa00000001 e0000001 000000000000 0a63000b", Claim{}, dropAddress},
	{"sender is the broadcast address", etherARP + "0001 0800 06 04 0002 02fa00000001 ffffffff 000000000000 0a63000b", Claim{}, dropAddress},
	{"no sender MAC", etherARP + "0001 0800 06 04 0001 000000000000 0a63000b 000000000000 0a630001", Claim{}, dropSenderMAC},
	{"broadcast as sender MAC", etherARP + "0001 0800 06 04 0001 ffffffffffff 0a63000b 000000000000 0a630001", Claim{}, dropSenderMAC},
	{"other operation", etherARP + "0001 0800 06 04 0003 02fa00000001 0a63000b 000000000000 0a630001", Claim{}, dropOperation},
	{"other hardware", etherARP + "0006 0800 06 04 0001 02fa00000001 0a63000b 000000000000 0a630001", Claim{}, dropNotEthernet},
	{"other protocol", etherARP + "0001 86dd 06 04 0001 02fa00000001 0a63000b 000000000000 0a630001", Claim{}, dropNotEthernet},
	{"IPv6 lengths", etherARP + "0001 0800 06 10 0001 02fa00000001 " + service6 + "000000000000 " + service6, Claim{}, dropNotEthernet},
	{"impossible lengths", etherARP + "0001 0800 06 05 0001" + strings.Repeat("00", 40), Claim{}, dropNotEthernet},
	{"InfiniBand lengths", etherARP + "0001 0800 14 04 0001" + strings.Repeat("22", 48), Claim{}, dropNotEthernet},
	{"ARP cut off", etherARP + "0001 0800 06 04 0001 02fa00000001 0a63000b 000000000000 0a63", Claim{}, dropTruncated},
	{"ARP cut off early", etherARP + "0001 0800", Claim{}, dropTruncated},
	{"header cut off", "ffffffffffff 02fa00000001 08", Claim{}, dropTruncated},
	{"nothing", "", Claim{}, dropTruncated},
	{"VLAN tag cut off", "ffffffffffff 02fa00000001 8100 00", Claim{}, dropTruncated},
	{"IPv4", "ffffffffffff 02fa00000001 0800 | 45000000", Claim{}, dropOtherType},

	{
		"advertisement", etherIP6 + "60000000 0020 3a ff" + fromLL + toGroup + "| 88000000 20000000 " + service6 + "0201 02fa00000007",
		Claim{IP: ip("fd00:99::32"), MAC: hw("02:fa:00:00:00:07")},
		kept,
	},
	{
		"advertisement without the option", etherIP6 + "60000000 0018 3a ff" + fromLL + toGroup + "| 88000000 20000000 " + service6,
		Claim{IP: ip("fd00:99::32"), MAC: hw("02:fa:00:00:00:01")},
		kept,
	},
	{
		"solicitation claims its source", etherIP6 + "60000000 0020 3a ff" + service6 + toGroup + "| 87000000 00000000 " + fromLL + "0101 02fa00000007",
		Claim{IP: ip("fd00:99::32"), MAC: hw("02:fa:00:00:00:07")},
		kept,
	},
	{
		"duplicate address detection", etherIP6 + "60000000 0018 3a ff" + fromNone + toGroup + "| 87000000 00000000 " + service6,
		Claim{IP: ip("fd00:99::32"), MAC: hw("02:fa:00:00:00:01"), Probe: true},
		kept,
	},
	{"duplicate address detection to one host", etherIP6 + "60000000 0018 3a ff" + fromNone + service6 + "| 87000000 00000000 " + service6, Claim{}, dropMalformed},
	{"through a router", etherIP6 + "60000000 0018 3a fe" + fromLL + toGroup + "| 88000000 20000000 " + service6, Claim{}, dropHopLimit},
	{"code is not zero", etherIP6 + "60000000 0018 3a ff" + fromLL + toGroup + "| 88010000 20000000 " + service6, Claim{}, dropMalformed},
	{"message cut short by its length", etherIP6 + "60000000 0010 3a ff" + fromLL + toGroup + "| 88000000 20000000 " + service6, Claim{}, dropMalformed},
	{"option of no length", etherIP6 + "60000000 0020 3a ff" + fromLL + toGroup + "| 88000000 20000000 " + service6 + "0200 02fa00000007", Claim{}, dropMalformed},
	{"packet cut off", etherIP6 + "60000000 0020 3a ff" + fromLL + toGroup + "| 88000000 20000000 " + service6, Claim{}, dropTruncated},
	{"IPv6 header cut off", etherIP6 + "60000000 0018 3a ff" + fromLL, Claim{}, dropTruncated},
	{"echo request", etherIP6 + "60000000 0008 3a ff" + fromLL + toGroup + "| 80000000 00000000", Claim{}, dropOtherType},
	{"TCP", etherIP6 + "60000000 0008 06 ff" + fromLL + toGroup + "| 80000000 00000000", Claim{}, dropOtherType},
}

func hw(s string) net.HardwareAddr {
	mac, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return mac
}

func TestParseFrame(t *testing.T) {
	seen := make(map[dropReason]bool)
	for _, c := range frameCases {
		t.Run(c.name, func(t *testing.T) {
			got, why := parseFrame(raw(t, c.frame))
			if why != c.why {
				t.Fatalf("reason %v, want %v", why, c.why)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(ip("::"))); diff != "" {
				t.Errorf("claim (-want +got):\n%s", diff)
			}
		})
		seen[c.why] = true
	}
	for why := kept; why < dropOwn; why++ {
		if !seen[why] {
			t.Errorf("no frame is dropped for %v", why)
		}
	}
}

func FuzzFrame(f *testing.F) {
	for _, c := range frameCases {
		f.Add(raw(f, c.frame))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, why := parseFrame(b)
		if _ = why.String(); why != kept {
			if c.IP.IsValid() || c.MAC != nil {
				t.Fatalf("dropped for %v, but claims %v", why, c)
			}
			return
		}
		if !c.IP.IsValid() || c.IP.IsUnspecified() || c.IP.IsMulticast() || len(c.MAC) != 6 || c.MAC[0]&1 != 0 || isZero(c.MAC) {
			t.Fatalf("no host can claim %v", c)
		}
	})
}
