// Package lab builds hosts on a switch out of network namespaces, so that
// everything failoverd does on a network can be tried with real packets, without
// root and without touching the machine's own network.
//
// A test binary enters the lab in its TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
// and a test then asks for a world of its own:
//
//	w := lab.New(t)
//	primary := w.Host("primary1", "10.99.0.11/24")
//	standby := w.Host("standby1", "10.99.0.20/24")
//	wire := w.Switch.Capture()
//	primary.Kill()
//
// Each world has its own namespaces, so tests may run in parallel and use the
// same addresses. In a world of a test every action that goes wrong ends the
// test; in a world from [Open] it is returned as an error.
//
// Packages needed: nftables (for DropICMP, DropARP and RandomLoss). Nothing else
// is called: links, addresses and routes are set by netlink.
package lab
