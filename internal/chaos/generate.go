package chaos

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// trouble is something that the generator lets happen, and what makes it good again.
type trouble struct {
	act    string
	weight int
	// until is what undoes it, after between least and most; one of them if there are several.
	until       []string
	least, most time.Duration
}

// troubles is what can happen. Faults come first, then what operators do.
func troubles() []trouble {
	const s = time.Second
	good := func(act string, weight int, least, most time.Duration, until ...string) trouble {
		return trouble{act: act, weight: weight, least: least, most: most, until: until}
	}
	return []trouble{
		// The primary.
		good("crash pbx", 12, 4*s, 14*s, "return pbx", "revive pbx", "revive pbx"),
		good("crash crm", 6, 4*s, 12*s, "return crm"),
		good("kill application", 2, s, 4*s, "serve pbx"),
		good("kill agent", 2, s, 5*s, "start agent"),
		good("freeze agent", 2, s, 5*s, "thaw agent"),
		// The network.
		good("pull pbx", 3, s, 8*s, "connect pbx"),
		good("pull standby", 3, s, 6*s, "connect standby"),
		good("pull gateway", 2, 2*s, 8*s, "connect gateway"),
		good("cut pbx", 4, s, 8*s, "mend pbx"),
		good("cut crm", 2, s, 8*s, "mend crm"),
		good("cut standby", 3, s, 6*s, "mend standby"),
		good("deafen standby", 2, s, 5*s, "hear standby"),
		good("mute standby", 2, s, 5*s, "hear standby"),
		good("mute pbx", 2, s, 6*s, "hear pbx"),
		good("lose standby", 2, 2*s, 6*s, "find standby"),
		good("lose pbx", 2, 2*s, 6*s, "find pbx"),
		good("filter pbx", 3, 2*s, 6*s, "pass pbx"),
		// The standby.
		good("kill daemon", 8, 300*time.Millisecond, 4*s, "start daemon"),
		good("stop daemon", 3, 300*time.Millisecond, 3*s, "start daemon"),
		good("freeze daemon", 3, 200*time.Millisecond, 1200*time.Millisecond, "thaw daemon"),
		good("reboot standby", 2, s, 3*s, "start daemon"),
		good("kill standin", 3, 0, 0),
		good("freeze standin", 2, s, 5*s, "thaw standin"),
		good("remove address", 3, 0, 0),
		good("fill journal", 2, 2*s, 6*s, "empty journal"),
		good("fill copies", 2, 2*s, 8*s, "empty copies"),
		// Mail.
		good("kill mail", 2, 2*s, 10*s, "start mail"),
		good("freeze mail", 2, 2*s, 10*s, "thaw mail"),
		// Operators.
		good("suspend pbx", 3, 3*s, 12*s, "resume pbx"),
		good("suspend crm", 2, 3*s, 12*s, "resume crm"),
		good("failover pbx", 3, 0, 0),
		good("failover crm", 1, 0, 0),
		good("release pbx", 2, 2*s, 6*s, "serve pbx"),
		good("release crm", 2, 2*s, 6*s, "return crm"),
		good("home pbx", 9, 0, 0),
		good("home crm", 4, 0, 0),
		good("failback pbx", 3, 0, 0),
		good("from-live pbx", 8, 0, 0),
		good("to-live pbx", 2, 0, 0),
		good("rollback pbx", 2, 0, 0),
		good("discard pbx", 1, 0, 0),
		good("drill pbx", 3, 0, 0),
		good("ack pbx", 2, 0, 0),
		good("reload", 3, 0, 0),
		good("unconfirmed failover crm", 1, 0, 0),
		good("unconfirmed release pbx", 1, 0, 0),
		good("rest", 8, 0, 0),
	}
}

// Generate makes a story that lasts about so long. The same seed and length give the same story.
func Generate(seed uint64, length time.Duration) Story {
	r := rand.New(rand.NewPCG(seed, 5))
	all := troubles()
	sum := 0
	for _, t := range all {
		sum += t.weight
	}
	type planned struct {
		at  time.Duration
		act string
	}
	var plan []planned
	for at := time.Second; at < length; at += between(r, 400*time.Millisecond, 4*time.Second) {
		n := r.IntN(sum)
		i := slices.IndexFunc(all, func(t trouble) bool { n -= t.weight; return n < 0 })
		t := all[i]
		plan = append(plan, planned{at, t.act})
		if len(t.until) > 0 {
			plan = append(plan, planned{at + between(r, t.least, t.most), t.until[r.IntN(len(t.until))]})
		}
	}
	slices.SortStableFunc(plan, func(a, b planned) int { return cmp.Compare(a.at, b.at) })
	s := Story{Seed: seed}
	last := time.Duration(0)
	for _, p := range plan {
		s.Steps = append(s.Steps, step(p.at-last, p.act))
		last = p.at
	}
	return s
}

// between is a time between two, in whole hundredths of a second.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	const grain = 10 * time.Millisecond
	return least + time.Duration(r.Int64N(int64((most-least)/grain)+1))*grain
}
