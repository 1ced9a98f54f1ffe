package address

import (
	"net/netip"
	"testing"
)

func TestLabelFitsAndIsRecognised(t *testing.T) {
	for link, want := range map[string]string{"eth0": "eth0:fo", "enp175s0f1np1v4": "enp175s0f1np:fo"} {
		got := label(link)
		if got != want || len(got) > 15 || !(entry{label: got}).marked() {
			t.Errorf("label for %s is %q, want %q", link, got, want)
		}
	}
	for _, foreign := range []string{"", "eth0", "eth0:0", "eth0:foo", "fo"} {
		if (entry{label: foreign}).marked() {
			t.Errorf("label %q counts as ours", foreign)
		}
	}
}

func TestFitLength(t *testing.T) {
	for _, c := range []struct {
		p        string
		networks []string
		want     string
	}{
		{"10.99.0.50/24", []string{"10.99.0.20/24"}, "10.99.0.50/32"},
		{"10.99.0.50/24", []string{"10.0.0.1/8"}, "10.99.0.50/32"},
		{"10.99.0.50/16", []string{"10.99.7.1/24"}, "10.99.0.50/32"},
		{"10.99.0.50/24", []string{"10.98.0.20/24", "fd00:99::20/64"}, "10.99.0.50/24"},
		{"10.99.0.50/24", nil, "10.99.0.50/24"},
		{"10.99.0.50/32", []string{"10.99.0.20/24"}, "10.99.0.50/32"},
		{"10.99.0.50/24", []string{"10.99.0.51/32"}, "10.99.0.50/32"},
		{"fd00:99::32/64", []string{"fd00:99::20/64"}, "fd00:99::32/128"},
		{"fd00:99::32/64", []string{"fe80::1/64"}, "fd00:99::32/64"},
	} {
		var networks []netip.Prefix
		for _, n := range c.networks {
			networks = append(networks, netip.MustParsePrefix(n))
		}
		if got := fitLength(netip.MustParsePrefix(c.p), networks); got.String() != c.want {
			t.Errorf("%s beside %v becomes %s, want %s", c.p, c.networks, got, c.want)
		}
	}
}

func TestKeepsProto(t *testing.T) {
	for release, want := range map[string]bool{
		"6.1.0-18-amd64": true, "5.18.0": true, "5.18-rc1": true, "5.15.0-91-generic": false,
		"5.4.0": false, "4.19.0": false, "10.0": true, "": false, "strange": false,
	} {
		if got := keepsProto(release); got != want {
			t.Errorf("kernel %q keeps marks: %v, want %v", release, got, want)
		}
	}
	old, unmarked := kernel{}, entry{prefix: netip.MustParsePrefix("fd00:99::32/128")}
	if !old.ours(unmarked) || (kernel{keepsProto: true}).ours(unmarked) {
		t.Error("only where the kernel keeps no marks an unmarked host address counts as ours")
	}
	if old.ours(entry{prefix: netip.MustParsePrefix("fd00:99::32/64")}) || old.ours(entry{prefix: netip.MustParsePrefix("10.99.0.50/32")}) {
		t.Error("an address that is configured with its network, or an unlabelled IPv4 one, counts as ours")
	}
}
