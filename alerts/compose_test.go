package alerts

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"failoverd/journal"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// melbourne is a zone with a name of its own, fixed so that the test needs no zone files.
var melbourne = time.FixedZone("AEST", 10*3600)

// at is a time on the night of the incident.
func at(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05.000", "2026-08-12 "+clock, melbourne)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// incident142 is what the journal has about the night on which pbx1 died, in the order in which it was written.
func incident142() []journal.Event {
	automatic := journal.Actor{Kind: "automatic"}
	alice := journal.Actor{Kind: "user", Name: "alice", Via: "socket"}
	events := []journal.Event{
		{Time: at("02:11:04.000"), Kind: "server.suspect", Message: "pbx1 (10.0.0.11) missed a ping", Evidence: map[string]any{"since": "2026-08-12T02:11:02+10:00"}},
		{Time: at("02:11:12.000"), Kind: "server.warning", Message: "pbx1 has missed 5 pings", Evidence: map[string]any{"misses": 5, "fail_after": 15}},
		{Time: at("02:11:32.000"), Kind: "server.failure", Severity: journal.Critical, Message: "pbx1 is down: 15 of 15 pings lost", Reason: "the gateway 10.0.0.1 answers, so that the fault is at pbx1", Evidence: map[string]any{"misses": 15, "arp": "no answer"}},
		{Time: at("02:11:32.010"), Kind: "decision.takeover", Message: "pbx1 is taken over: automatic, capacity 1 of 1 free, witness 10.0.0.1 answers"},
		{Time: at("02:11:32.020"), Kind: "takeover.started", Severity: journal.Critical, Operation: "op-9", Message: "takeover of pbx1 started"},
		{Time: at("02:11:32.420"), Kind: "takeover.step", Operation: "op-9", Message: "probe: nobody holds 10.0.0.11"},
		{Time: at("02:11:32.431"), Kind: "takeover.step", Operation: "op-9", Message: "assume: 10.0.0.11/32 on eth0", Evidence: map[string]any{"step": "assume", "duration_s": 0.008}},
		{Time: at("02:11:32.500"), Kind: "takeover.step", Operation: "op-9", Message: "announce: verified by 10.0.0.1"},
		{Time: at("02:12:07.500"), Kind: "takeover.step", Operation: "op-9", Message: "start: ipfx.service is ready"},
		{Time: at("02:12:08.000"), Kind: "takeover.done", Severity: journal.Critical, Operation: "op-9", Message: "pbx1 is taken over", Evidence: map[string]any{"duration_s": 35.98, "data_age": "12 s"}},
		{Time: at("02:12:08.000"), Kind: "takeover.failed", Severity: journal.Critical, Operation: "op-9", Message: "takeover of pbx1 failed at step start and was undone", Reason: "ipfx.service: licence file missing"},
		{Time: at("02:11:33.000"), Kind: "decision.refused", Severity: journal.Critical, Message: "pbx1 is not taken over", Reason: "10.0.0.11 is still answered by ARP from 52:54:00:12:34:56, the address known for it", Evidence: map[string]any{"mac": "52:54:00:12:34:56"}},
		{Time: at("02:11:33.000"), Kind: "decision.held", Severity: journal.Critical, Message: "the takeover of pbx1 is held", Reason: "pbx1 and crm fell silent in the same second: a failure of the segment is likelier"},
		{Time: at("02:20:00.000"), Kind: "address.conflict", Severity: journal.Critical, Message: "10.0.0.11 is claimed by another host", Reason: "52:54:00:99:99:99 says that it has 10.0.0.11"},
		{Time: at("02:20:00.100"), Kind: "address.defended", Message: "10.0.0.11 announced again"},
		{Time: at("02:11:33.000"), Kind: "capacity.waiting", Severity: journal.Critical, Message: "pbx1 waits: 1 of 1 places taken by crm"},
		{Time: at("09:40:00.000"), Kind: "primary.back", Severity: journal.Warning, Message: "pbx1 answers on its management address 10.0.0.21"},
		{Time: at("02:11:40.000"), Kind: "server.answering", Severity: journal.Info, Message: "pbx1 answers again"},
		{Time: at("10:02:00.000"), Kind: "release.started", Operation: "op-10", Actor: alice, Message: "release of pbx1 started"},
		{Time: at("10:02:04.000"), Kind: "release.step", Operation: "op-10", Message: "stop: ipfx.service"},
		{Time: at("10:02:04.020"), Kind: "release.step", Operation: "op-10", Message: "drop: 10.0.0.11/32 from eth0"},
		{Time: at("10:02:04.030"), Kind: "release.done", Severity: journal.Warning, Operation: "op-10", Actor: alice, Message: "pbx1 is released"},
		{Time: at("10:02:04.030"), Kind: "release.failed", Severity: journal.Critical, Operation: "op-10", Actor: alice, Message: "release of pbx1 stopped at step stop", Reason: "ipfx.service did not stop within 60 s"},
		{Time: at("03:30:00.000"), Kind: "standin.died", Severity: journal.Critical, Message: "ipfx.service has ended", Reason: "exit status 139"},
		{Time: at("03:30:05.000"), Kind: "standin.restarted", Message: "ipfx.service started again"},
		{Time: at("02:31:32.000"), Kind: "incident.escalated", Severity: journal.Critical, Message: "nobody has acknowledged it for 20m20s, it is escalated: pbx1 has missed 5 pings", Reason: "pbx1 is taken over"},
		{Time: at("06:31:32.000"), Kind: "incident.reminder", Severity: journal.Critical, Message: "nobody has acknowledged it for 4h20m20s: pbx1 has missed 5 pings", Reason: "pbx1 is taken over"},
		{Time: at("06:40:00.000"), Kind: "incident.acknowledged", Severity: journal.Info, Actor: alice, Message: "alice takes care of it: pbx1 has missed 5 pings", Reason: "on my way"},
		{Time: at("03:31:00.000"), Kind: "standin.failed", Severity: journal.Critical, Message: "ipfx.service ended 3 times", Reason: "exit status 139"},
		{Time: at("10:02:00.000"), Kind: "failback.started", Operation: "op-11", Actor: alice, Message: "failback of pbx1 started"},
		{Time: at("10:02:01.000"), Kind: "failback.step", Operation: "op-11", Message: "copy CTSERVER: 120034 rows in 41 tables"},
		{Time: at("10:02:03.000"), Kind: "failback.done", Severity: journal.Warning, Operation: "op-11", Actor: alice, Message: "pbx1 has its data and its role back: it should answer now", Reason: "the final stop took 2.1s until the primary could serve, 2.9s until its application was started; it took 3s"},
		{Time: at("10:02:03.000"), Kind: "failback.failed", Severity: journal.Critical, Operation: "op-11", Actor: alice, Message: "pbx1 could not be failed back: it stopped at copy CTSERVER; what was done is undone, the standby stands in again", Reason: "copy CTSERVER: the disk of pbx1 is full"},
		{Time: at("18:02:00.000"), Kind: "handover.started", Operation: "op-12", Actor: alice, Message: "handover of pbx1 started"},
		{Time: at("18:02:01.000"), Kind: "handover.final_stop", Severity: journal.Warning, Operation: "op-12", Actor: alice, Message: "the final stop of pbx1 begins: nobody serves its users until the stand-in does", Reason: "ordered by alice: new power supply"},
		{Time: at("18:02:02.000"), Kind: "handover.step", Operation: "op-12", Message: "copy CTSERVER: 120034 rows in 41 tables"},
		{Time: at("18:02:03.000"), Kind: "handover.done", Severity: journal.Warning, Operation: "op-12", Actor: alice, Message: "pbx1 is handed over: the standby stands in for it, with all of its data", Reason: "the final stop took 2.1s until the stand-in was ready; it took 3s"},
		{Time: at("18:02:03.000"), Kind: "handover.failed", Severity: journal.Critical, Operation: "op-12", Actor: alice, Message: "pbx1 could not be handed over: it stopped at copy CTSERVER; what was done is taken back, and the primary's application is started again", Reason: "copy CTSERVER: the disk of stby1 is full"},
	}
	for i := range events {
		e := &events[i]
		e.Seq, e.Server, e.Incident = int64(57+i), "pbx1", "INC-142"
		if e.Actor == (journal.Actor{}) {
			e.Actor = automatic
		}
		if e.Severity == "" {
			e.Severity = journal.Info
		}
	}
	return events
}

// chapter tells the incident up to an event of that kind, with only the kinds that lead there; root is the kind of its first mail.
func chapter(kind, root string, leadingThere ...string) Story {
	s := Story{Standby: "stby1", Version: "0.1.0", From: "failover@example.com", Console: "https://10.0.0.2:8443", Runbooks: "/usr/share/doc/failoverd/runbooks.md", Zone: melbourne}
	for _, e := range incident142() {
		if e.Kind == root {
			s.Root = e.Seq
		}
		if e.Kind == kind || slices.Contains(leadingThere, e.Kind) {
			s.Incident = append(s.Incident, e)
		}
	}
	slices.SortStableFunc(s.Incident, func(a, b journal.Event) int { return a.Time.Compare(b.Time) })
	for i, e := range s.Incident {
		if e.Kind == kind {
			s.Event, s.Incident = e, s.Incident[:i+1]
			break
		}
	}
	s.Mail = journal.Mail{ID: 1, Event: s.Event.Seq, Kind: kind, Recipient: "ops@example.com"}
	s.Now = s.Event.Time.Add(300 * time.Millisecond)
	return s
}

// single is a story of one event without an incident.
func single(e journal.Event) Story {
	s := chapter("", "")
	if e.Time.IsZero() {
		e.Time = at("02:00:00.000")
	}
	e.Seq = 12
	s.Event, s.Incident = e, nil
	s.Mail = journal.Mail{Event: 12, Kind: e.Kind, Server: e.Server, Recipient: "ops@example.com"}
	s.Now = e.Time.Add(time.Second)
	return s
}

// stories are one for each golden file.
func stories() map[string]Story {
	down := []string{"server.suspect", "server.warning", "server.failure"}
	over := slices.Concat(down, []string{"decision.takeover", "takeover.started", "takeover.step"})
	serving := slices.Concat(over, []string{"takeover.done"})
	isolated := journal.Event{Time: at("02:00:00.000"), Seq: 11, Kind: "standby.isolated", Severity: journal.Critical, Incident: "INC-141", Message: "eth0 has no carrier", Reason: "the standby's own link is down"}
	all := map[string]Story{
		"server.warning":        chapter("server.warning", "", "server.suspect"),
		"server.failure":        chapter("server.failure", "server.warning", down...),
		"takeover.started":      chapter("takeover.started", "server.warning", over...),
		"takeover.done":         chapter("takeover.done", "server.warning", over...),
		"takeover.failed":       chapter("takeover.failed", "server.failure", over...),
		"decision.refused":      chapter("decision.refused", "server.failure", down...),
		"decision.held":         chapter("decision.held", "server.failure", down...),
		"capacity.waiting":      chapter("capacity.waiting", "server.failure", down...),
		"address.conflict":      chapter("address.conflict", "takeover.done", serving...),
		"primary.back":          chapter("primary.back", "takeover.done", serving...),
		"server.answering":      chapter("server.answering", "server.warning", down...),
		"release.done":          chapter("release.done", "takeover.done", slices.Concat(serving, []string{"primary.back", "release.started", "release.step"})...),
		"release.failed":        chapter("release.failed", "takeover.done", slices.Concat(serving, []string{"primary.back", "release.started", "release.step"})...),
		"failback.done":         chapter("failback.done", "takeover.done", slices.Concat(serving, []string{"primary.back", "failback.started", "failback.step"})...),
		"handover.done":         chapter("handover.done", "", "handover.started", "handover.final_stop", "handover.step"),
		"handover.failed":       chapter("handover.failed", "", "handover.started", "handover.final_stop", "handover.step"),
		"failback.failed":       chapter("failback.failed", "takeover.done", slices.Concat(serving, []string{"primary.back", "failback.started", "failback.step"})...),
		"standin.died":          chapter("standin.died", "takeover.done", serving...),
		"standin.failed":        chapter("standin.failed", "takeover.done", slices.Concat(serving, []string{"standin.died", "standin.restarted"})...),
		"incident.escalated":    chapter("incident.escalated", "server.warning", serving...),
		"incident.reminder":     chapter("incident.reminder", "server.warning", slices.Concat(serving, []string{"incident.escalated"})...),
		"incident.acknowledged": chapter("incident.acknowledged", "server.warning", slices.Concat(serving, []string{"incident.escalated", "incident.reminder"})...),
		"standby.isolated":      single(isolated),
		"standby.connected":     single(journal.Event{Time: at("02:07:12.000"), Kind: "standby.connected", Incident: "INC-141", Message: "eth0 has carrier and the gateway 10.0.0.1 answers"}),
		"server.unstable":       single(journal.Event{Kind: "server.unstable", Server: "crm", Incident: "INC-150", Message: "crm is unstable", Reason: "3 failures within 30 min"}),
		"server.path_down":      single(journal.Event{Kind: "server.path_down", Server: "crm", Message: "crm does not answer on 10.0.1.12, but on 10.0.0.12", Evidence: map[string]any{"path": "10.0.1.12"}}),
		"server.path_up":        single(journal.Event{Kind: "server.path_up", Server: "crm", Message: "crm answers over path 2 again"}),
		"server.probe_failed":   single(journal.Event{Kind: "server.probe_failed", Server: "crm", Message: "probe web of crm fails", Reason: "connection refused"}),
		"server.probe_ok":       single(journal.Event{Kind: "server.probe_ok", Server: "crm", Message: "probe web of crm passes again", Reason: "status 200"}),
		"address.unverified":    single(journal.Event{Kind: "address.unverified", Severity: journal.Critical, Server: "crm", Message: "10.0.0.12 is announced, but no neighbour answers it", Reason: "10.0.0.1 no answer within 1s"}),
		"address.restored":      single(journal.Event{Kind: "address.restored", Server: "crm", Message: "10.0.0.12 was put back", Reason: "it was removed from eth0 by somebody else"}),
		"address.stray":         single(journal.Event{Kind: "address.stray", Severity: journal.Critical, Message: "10.0.0.12 was left on eth0 and cannot be dropped", Reason: "operation not permitted"}),
		"server.unknown":        single(journal.Event{Kind: "server.unknown", Server: "crm", Message: "crm cannot be asked", Reason: "sendmsg: network is unreachable"}),
		"replication.failed": single(journal.Event{
			Time: at("01:07:00.000"), Kind: "replication.failed", Severity: journal.Warning, Server: "pbx1", Operation: "op-20", Actor: journal.Actor{Kind: "system", Name: "replication"},
			Message: "pbx1: replicating from live was not completed; the previous copy stays in service", Reason: "copy CTSERVER: the disk of stby1 is full: 1.2 GiB are missing",
		}),
		"replication.failed by order": single(journal.Event{
			Time: at("14:07:00.000"), Kind: "replication.failed", Severity: journal.Warning, Server: "pbx1", Operation: "op-21", Actor: journal.Actor{Kind: "user", Name: "alice"},
			Message: "pbx1: replicating to live was not completed; the previous copy stays in service", Reason: "verify CTSERVER: table dbo.calls has 11 of 12 rows",
		}),
		"replication.rolled_back": single(journal.Event{
			Time: at("01:09:00.000"), Kind: "replication.rolled_back", Severity: journal.Critical, Server: "pbx1", Operation: "op-20",
			Message: "pbx1: replicating from live was rolled back; the previous copy is in service again", Reason: "swap: the second of 2 catalogs could not be renamed",
		}),
		"replication.late": single(journal.Event{
			Time: at("06:00:00.000"), Kind: "replication.late", Severity: journal.Warning, Server: "pbx1", Message: "pbx1: the copy is late",
			Reason: "CTSERVER is 29 h old; the run of 01:00 was not completed",
		}),
		"server.still_suspended": single(journal.Event{
			Time: at("14:00:00.000"), Kind: "server.still_suspended", Severity: journal.Warning, Server: "pbx1", Incident: "INC-143",
			Message: "pbx1 is still suspended, since 2026-08-11 14:00", Reason: "suspended by alice, without an end: OS patches",
			Evidence: map[string]any{"since": "2026-08-11T14:00:00+10:00", "by": "alice"},
		}),
		"server.resumed": single(journal.Event{
			Time: at("15:00:00.000"), Kind: "server.resumed", Severity: journal.Info, Server: "pbx1", Incident: "INC-143",
			Actor: journal.Actor{Kind: "user", Name: "alice"}, Message: "pbx1 is watched again, by alice", Reason: "patched",
		}),
		"replication.done": single(journal.Event{
			Time: at("01:05:00.000"), Kind: "replication.done", Severity: journal.Info, Server: "pbx1", Operation: "op-22", Message: "pbx1: replicating from live succeeds again",
			Reason: "CTSERVER: 41 tables, 120034 rows, 1.2 GiB", Evidence: map[string]any{"duration_s": 244.0},
		}),
		"replication.refused": single(journal.Event{
			Time: at("01:00:00.000"), Kind: "replication.refused", Severity: journal.Critical, Server: "pbx1", Message: "pbx1 is not replicated",
			Reason: "the standby's data is newer than the primary's (diverged)",
		}),
		"files.late": single(journal.Event{
			Time: at("06:00:00.000"), Kind: "files.late", Severity: journal.Warning, Server: "pbx1", Message: "pbx1: the copy of a tree of files is out of date",
			Reason: "vm: 21m0s behind its source (max_lag 15m0s): open the tree in /mnt/pbx1: no such file or directory",
		}),
		"files.held": single(journal.Event{
			Time: at("06:00:00.000"), Kind: "files.held", Severity: journal.Warning, Server: "pbx1", Message: "pbx1: deletions of files are held back",
			Reason: "vm: 1200 deletions wait, more than the brake lets pass. If they are right: failoverd files confirm-deletions pbx1 vm",
		}),
		"files.full": single(journal.Event{
			Time: at("06:00:00.000"), Kind: "files.full", Severity: journal.Warning, Server: "pbx1", Message: "pbx1: files are not copied: the disk has no room beside the reserve",
			Reason: `vm: "Extn/101/hello.wav": the disk of the copy is full: 48120 bytes more are needed beside the reserve`,
		}),
		"files.root": single(journal.Event{
			Time: at("06:00:00.000"), Kind: "files.root", Severity: journal.Critical, Server: "pbx1", Message: "pbx1: the source of a tree of files is not the directory that it was",
			Reason: "vm: the directory is not the tree that it was: unmounted, or replaced. Nothing was deleted here. If it is right as it is: failoverd files accept-source pbx1 vm",
		}),
		"files.current": single(journal.Event{
			Time: at("06:20:00.000"), Kind: "files.current", Severity: journal.Info, Server: "pbx1", Message: "pbx1: the copy of a tree of files is as its source again", Reason: "vm",
		}),
		"server.not_ready": single(journal.Event{
			Time: at("01:02:00.000"), Kind: "server.not_ready", Severity: journal.Critical, Server: "pbx1", Incident: "pbx1-r20260811-150200",
			Message: "pbx1: a takeover would not succeed now", Reason: "data CTSERVER: 41 h old", Evidence: map[string]any{"since": "2026-08-12T01:00:00+10:00"},
		}),
		"server.ready": single(journal.Event{
			Time: at("02:06:00.000"), Kind: "server.ready", Severity: journal.Info, Server: "pbx1", Incident: "pbx1-r20260811-150200",
			Message: "pbx1: a takeover would succeed again", Reason: "no check stands against it",
		}),
		"config.rejected": single(journal.Event{Kind: "config.rejected", Actor: journal.Actor{Kind: "user", Name: "alice"}, Message: "2 errors in /etc/failoverd/failoverd.yaml", Reason: "failoverd.yaml:12: servers[0].ping.timeout: 3s is not below the interval 2s; expect less than 2s"}),
		Report: single(journal.Event{
			Time: at("07:00:02.000"), Kind: Report, Severity: journal.Info, Message: "2 of 3 servers ready, look at crm",
			Evidence: map[string]any{ReportEvidence: []Section{
				{"Servers", []string{"pbx1: OK, the standby is standing by; ready", "crm: OK, the standby is standing by; degraded; alerts: 2 mails wait `now`"}},
				{"The data", []string{"pbx1 CTSERVER: as it was at 12 Aug 01:00, verified 12 Aug 01:04"}},
				{"The last 24 hours", []string{"nothing that wants a look"}},
			}},
		}),
		"alert.test":         single(journal.Event{Kind: "alert.test", Actor: journal.Actor{Kind: "user", Name: "alice", Via: "socket"}, Message: "test alert"}),
		"later kind":         single(journal.Event{Kind: "drill.late", Server: "crm", Severity: journal.Warning, Message: "the last drill of crm is 37 days old", Reason: "the last drill of crm is 37 days old, the limit is 36"}),
		"takeover by order":  single(journal.Event{Kind: "takeover.started", Server: "crm", Severity: journal.Critical, Incident: "INC-151", Actor: journal.Actor{Kind: "user", Name: "alice"}, Message: "takeover of crm started", Reason: "moving house"}),
		"takeover.done late": chapter("takeover.done", "server.warning", over...),
		"journal.unwritable": single(journal.Event{
			Kind: "journal.unwritable", Severity: journal.Critical, Message: "pbx1 failed and NOT TAKEN OVER: the journal cannot be written since 02:11:32",
			Reason: "commit to the journal: no space left for the journal (database or disk is full (13))",
		}),
		"journal.writable": single(journal.Event{
			Kind: "journal.writable", Severity: journal.Info, Message: "the journal can be written again: what was held back is done, and alerts that wait are sent",
			Reason: "it took nothing for 12m4s",
		}),
		"journal.unreadable": single(journal.Event{
			Kind: "journal.unreadable", Severity: journal.Critical, Message: "the journal cannot be read: servers are watched, and nothing else is done; left as it is: 10.0.0.11 on eth0",
			Reason: "open the journal in /var/lib/failoverd/journal: table facts: page 7 is torn: the journal is damaged",
		}),
		"daemon.started_after_crash": single(journal.Event{
			Kind: "daemon.started_after_crash", Severity: journal.Warning, Message: "failoverd started; it had not been stopped",
			Reason: "The open takeover op-9 of pbx1 was found finished up to step announce and is continued.",
		}),
	}
	connected := all["standby.connected"]
	connected.Incident, connected.Root = []journal.Event{isolated}, isolated.Seq
	all["standby.connected"] = connected

	ready := all["server.ready"]
	ready.Incident, ready.Root = []journal.Event{all["server.not_ready"].Event}, all["server.not_ready"].Event.Seq
	ready.Event.Seq++
	ready.Incident = append(ready.Incident, ready.Event)
	all["server.ready"] = ready

	all["drill.failed"], all["drill.passed"] = drills()

	done := all["takeover.done"]
	done.Unprotected = []Unprotected{{"pbx1", "stby1 stands in for it"}, {"crm", "stby1 is busy"}}
	done.WayBack = "failoverd failback pbx1"
	done.Copies = []Copy{{"CTSERVER", at("01:00:12.000")}, {"voice mail", at("01:00:12.000").AddDate(0, 0, -1)}, {"new", time.Time{}}}
	all["takeover.done"] = done
	back := all["primary.back"]
	back.WayBack = "failoverd release pbx1"
	all["primary.back"] = back
	recovered := all["server.answering"]
	recovered.Unprotected = []Unprotected{}
	all["server.answering"] = recovered
	path := all["server.path_down"]
	path.Dropped = []journal.Mail{{Kind: "server.path_down"}, {Kind: "server.path_down"}, {Kind: "server.unknown"}}
	all["server.path_down"] = path
	late := all["takeover.done late"]
	late.Now = late.Event.Time.Add(28*time.Minute + 12*time.Second)
	late.Mail.FirstTried, late.Mail.Attempts = late.Event.Time.Add(time.Second), 6
	all["takeover.done late"] = late
	return all
}

// drills are a drill that failed, with its steps, and the one after it.
func drills() (failed, passed Story) {
	event := func(seq int64, clock, kind, message, reason string, seconds float64) journal.Event {
		e := journal.Event{
			Seq: seq, Time: at(clock), Kind: kind, Severity: journal.Info, Server: "pbx1", Incident: "pbx1-d20260811-180000", Operation: "drill-1",
			Actor: journal.Actor{Kind: "automatic", Name: "schedule"}, Message: message, Reason: reason,
		}
		if seconds > 0 {
			e.Evidence = map[string]any{"duration_s": seconds}
		}
		return e
	}
	failed = single(event(7, "04:02:00.000", "drill.failed", "the drill of pbx1 has failed", "check: run /usr/local/bin/check-pbx: exit status 1: no licence", 0))
	failed.Event.Severity = journal.Warning
	failed.Incident = []journal.Event{
		event(1, "04:00:00.000", "drill.started", "a takeover of pbx1 is rehearsed", "drill: sunday 04:00", 0),
		event(2, "04:00:01.000", "drill.step", "look: pbx1_CTSERVER shows 2026-08-12T01:00:12+10:00", "", 1),
		event(3, "04:01:30.000", "drill.step", "copy CTSERVER: 1204331 rows in 41 tables", "", 89),
		event(4, "04:01:50.000", "drill.step", "open CTSERVER: pbx1_CTSERVER__drill can be written to", "", 20),
		event(5, "04:01:58.000", "drill.step", "check: failed", "run /usr/local/bin/check-pbx: exit status 1: no licence", 8),
		event(6, "04:02:00.000", "drill.step", "clear: nothing is left", "", 2),
		failed.Event,
	}
	passed = single(event(8, "09:00:00.000", "drill.passed", "the drill of pbx1 shows that a takeover would work", "it took 2m0s; not rehearsed: the start of the stand-in", 0))
	passed.Incident, passed.Root = append(failed.Incident[6:7:7], passed.Event), failed.Event.Seq
	return failed, passed
}

// Every kind of alert has its golden file, as it goes over the wire.
func TestGolden(t *testing.T) {
	all := stories()
	for _, k := range Kinds() {
		if _, is := all[k.Name]; !is {
			t.Errorf("no story for %s", k.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			m := Compose(all[name])
			var eml bytes.Buffer
			if _, err := m.WriteTo(&eml); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "_")+".eml")
			if *update {
				if err := os.WriteFile(path, eml.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), eml.String()); diff != "" {
				t.Errorf("mail (-want +got)\n%s", diff)
			}
			checkMessage(t, m, eml.Bytes())
		})
	}
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) != len(all) {
		t.Errorf("%d golden files for %d stories, %v", len(files), len(all), err)
	}
}

// checkMessage checks what is true of every mail, by a parser that is not the composer's.
func checkMessage(t *testing.T, m Message, eml []byte) {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(eml))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || len([]rune(subject)) >= 80 || !strings.Contains(subject, "failoverd: ") {
		t.Errorf("subject %q, %d characters, %v", subject, len([]rune(subject)), err)
	}
	from, err := parsed.Header.AddressList("From")
	if err != nil || !strings.HasPrefix(from[0].Name, "failoverd ") || from[0].Address != "failover@example.com" {
		t.Errorf("from %v, %v", from, err)
	}
	if got := parsed.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted %q", got)
	}
	if critical := parsed.Header.Get("X-Failoverd-Severity") == journal.Critical; critical != (parsed.Header.Get("Importance") == "high") {
		t.Errorf("critical %t, Importance %q", critical, parsed.Header.Get("Importance"))
	}
	if id := parsed.Header.Get("Message-ID"); !regexp.MustCompile(`^<[a-z0-9.-]+@[a-z0-9.-]+>$`).MatchString(id) {
		t.Errorf("Message-ID %q", id)
	}
	sections := []string{"WHAT HAPPENED", "WHAT FAILOVERD DID", "WHAT YOU DO NEXT"}
	if parsed.Header.Get("X-Failoverd-Event") == Report {
		sections = sections[2:] // it has its own
	}
	for _, section := range sections {
		if !strings.Contains(m.Text, "\n"+section) {
			t.Errorf("no section %s", section)
		}
	}
	if strings.ContainsAny(m.Text, "{}`") || strings.Contains(m.Text, "%!") {
		t.Errorf("a word in braces is left:\n%s", m.Text)
	}
	for l := range strings.Lines(m.Text) {
		if l = strings.TrimRight(l, "\n"); len([]rune(l)) > columns && strings.Contains(strings.TrimSpace(l), " ") && !strings.Contains(l, ":  ") {
			t.Errorf("a line of %d characters: %q", len([]rune(l)), l)
		}
	}
	if regexp.MustCompile(`(?i)<(img|script|link|iframe)|src=|url\(`).MatchString(m.HTML) {
		t.Errorf("the HTML part fetches something:\n%s", m.HTML)
	}
}

// What others have said cannot become a header or HTML, nor make a subject too long.
func TestComposeHostileWords(t *testing.T) {
	s := single(journal.Event{
		Kind: "decision.refused", Server: "x\r\nBcc: all@example.com", Incident: "INC-1\r\nX-Evil: 1", Severity: "critical\r\nX-Evil: 2",
		Message: "<script>alert(1)</script>", Reason: strings.Repeat("very long ", 500), Evidence: map[string]any{"banner": "<b>\x1b[2J\r\nSubject: hi"},
	})
	s.Standby = strings.Repeat("standby-", 30)
	s.Root = 5
	m := Compose(s)
	var eml bytes.Buffer
	if _, err := m.WriteTo(&eml); err != nil {
		t.Fatal(err)
	}
	parsed, err := mail.ReadMessage(&eml)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Bcc", "X-Evil"} {
		if got := parsed.Header.Get(name); got != "" {
			t.Errorf("header %s: %q", name, got)
		}
	}
	if n := len([]rune(m.Subject)); n >= 80 {
		t.Errorf("a subject of %d characters: %q", n, m.Subject)
	}
	if strings.Contains(m.HTML, "<script") || strings.ContainsAny(m.Text, "\r\x1b") {
		t.Errorf("not escaped:\n%s\n%s", m.HTML, m.Text)
	}
}

// The subject of an incident is the same in all its mails, also where it has to be shortened.
func TestSubjectIsStable(t *testing.T) {
	s := chapter("takeover.done", "server.warning", "server.warning")
	for _, name := range []string{"pbx1", strings.Repeat("long", 30)} {
		for i := range s.Incident {
			s.Incident[i].Server = name
		}
		var subjects []string
		for _, e := range s.Incident {
			s.Event = e
			subject := Compose(s).Subject
			if n := len([]rune(subject)); n >= 80 {
				t.Errorf("a subject of %d characters: %q", n, subject)
			}
			subjects = append(subjects, strings.TrimPrefix(subject, "Re: "))
		}
		if len(subjects) != 2 || subjects[0] != subjects[1] {
			t.Errorf("subjects differ: %q", subjects)
		}
	}
}

// A Message-ID is the same for the same event and recipient, and another one for another.
func TestMessageID(t *testing.T) {
	seen := map[string]string{}
	for _, recipient := range []string{"ops@example.com", "night@example.com"} {
		for name, s := range stories() {
			if strings.Contains(name, " ") {
				continue // These are about the same event as another one.
			}
			s.Mail.Recipient = recipient
			id := Compose(s).MessageID
			what := fmt.Sprint(s.Event.Incident, s.Event.Seq, s.Event.Time, recipient)
			if other, is := seen[id]; is && other != what {
				t.Errorf("%s is used for %s and %s", id, other, what)
			}
			seen[id] = what
			s.Now = s.Now.Add(time.Hour)
			if again := Compose(s).MessageID; again != id {
				t.Errorf("%s became %s an hour later", id, again)
			}
		}
	}
	events := map[string]bool{}
	for _, what := range seen {
		events[what] = true
	}
	if len(events) != len(seen) || len(seen) < 30 {
		t.Errorf("%d numbers for %d events and recipients", len(seen), len(events))
	}
}

// A very long incident is shown by its beginning and its end.
func TestComposeLongIncident(t *testing.T) {
	s := chapter("takeover.done", "server.warning", "server.warning")
	var many []journal.Event
	for i := range 500 {
		many = append(many, journal.Event{Seq: int64(1000 + i), Time: at("02:11:13.000").Add(time.Duration(i) * time.Millisecond), Kind: "server.path_down", Message: fmt.Sprintf("event %d", i)})
	}
	s.Incident = slices.Concat(s.Incident[:1], many, s.Incident[1:])
	text := Compose(s).Text
	for _, want := range []string{"has missed 5 pings", "event 0\n", "event 499\n", "... 488 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if lines := strings.Count(text, "\n"); lines > 60 {
		t.Errorf("%d lines", lines)
	}
}

func TestSpan(t *testing.T) {
	for _, tt := range []struct {
		d    time.Duration
		want string
	}{
		{8 * time.Millisecond, "8 ms"},
		{1500 * time.Millisecond, "1.5 s"},
		{59990 * time.Millisecond, "59.9 s"},
		{72 * time.Second, "1 min 12 s"},
		{4*time.Hour + 12*time.Minute, "4 h 12 min"},
		{50 * time.Hour, "2 d 2 h"},
	} {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

// A mail that comes after the copies were made anew does not say that the stand-in worked on those.
func TestComposeCopiesMadeLater(t *testing.T) {
	s := chapter("takeover.done", "server.warning", "server.warning")
	s.Now = s.Event.Time.Add(30 * time.Hour)
	s.Copies = []Copy{{"CTSERVER", s.Event.Time.Add(24 * time.Hour)}}
	if text := Compose(s).Text; strings.Contains(text, "THE DATA") || strings.Contains(text, "CTSERVER") {
		t.Errorf("copies of the day after are shown:\n%s", text)
	}
	s.Copies = []Copy{{"CTSERVER", s.Event.Time}}
	if text := Compose(s).Text; !strings.Contains(text, "the last 0 ms are missing") {
		t.Errorf("a copy of that very moment:\n%s", text)
	}
}

// Only a takeover that is done says what it works on.
func TestComposeCopiesOfTakeoverOnly(t *testing.T) {
	s := chapter("takeover.failed", "server.failure", "server.warning")
	s.Copies = []Copy{{"CTSERVER", at("01:00:00.000")}}
	if text := Compose(s).Text; strings.Contains(text, "THE DATA") {
		t.Errorf("a takeover that failed works on nothing:\n%s", text)
	}
}
