// Package alerts tells people by mail what the standby has seen and done: it composes messages from the
// journal's events and keeps each one in the journal's outbox until it is delivered.
package alerts

import "failoverd/journal"

// Kind is what there is to know about one kind of alert. Its texts may hold {server}, {standby}, {reason},
// {since} (when the incident began), {lasted} (how long it has lasted), {time} (the event's), {incident} (its identifier), {by} (who ordered it) and
// {back} (the command that gives the role back); commands stand in backquotes.
type Kind struct {
	Name      string
	Severity  string // where the event has none
	Protected bool   // never dropped, however many there are
	Unowned   bool   // nothing that somebody could acknowledge
	Over      bool   // says that what was announced is over
	State     string // in the sender's display name, since telephones show little more
	Symptom   string // in the subject, where this kind begins an incident
	Lead      string // the first sentence
	Nothing   string // what stands under WHAT FAILOVERD DID when it did nothing
	Next      []string
	Runbook   string // anchor
}

// KindOf returns the kind of that name. A name that is not in the table gives a kind that says what the event says,
// because an alert without a template must still arrive.
func KindOf(name string) Kind {
	for _, k := range kinds {
		if k.Name == name {
			return k
		}
	}
	return Kind{
		Name: name, Severity: journal.Warning, State: "ATTENTION", Symptom: "{server} " + name, Lead: "{reason}",
		Nothing: "Nothing so far.", Next: []string{see}, Runbook: "attention",
	}
}

// Kinds returns all kinds of alerts, in the order of the documentation.
func Kinds() []Kind { return append([]Kind(nil), kinds[:]...) }

// Steps that several kinds have.
const (
	see     = "See the present state: `failoverd status`"
	explain = "See why it was decided so: `failoverd explain {server}`"
	repair  = "Find out what is wrong with {server}. Do NOT start its application while {standby} stands in for it."
	giveUp  = "When {server} is repaired, give its role back: {back}"
	byHand  = "To take over by hand: `failoverd failover {server} --dry-run`, then `failoverd failover {server}`"
)

// kinds is the table of all alerts.
var kinds = [...]Kind{
	{
		Name: "server.warning", Severity: journal.Warning, State: "WARNING", Runbook: "server-not-answering",
		Symptom: "{server} NOT ANSWERING",
		Lead:    "{server} has not answered since {since}. If this goes on, it will be declared down.",
		Nothing: "Nothing yet: it goes on asking.",
		Next: []string{
			"If {server} is being worked on: `failoverd suspend {server} --reason TEXT --for 2h`",
			"Otherwise look at {server} now: power, network, console.", see,
		},
	},
	{
		Name: "server.failure", Severity: journal.Critical, State: "DOWN", Runbook: "server-down",
		Symptom: "{server} DOWN",
		Lead:    "{server} is down since {since}.",
		Nothing: "Nothing yet: the decision follows.",
		Next:    []string{"Find out what is wrong with {server}.", "See whether somebody serves its users: `failoverd status {server}`", explain},
	},
	{
		Name: "takeover.started", Severity: journal.Critical, Protected: true, State: "TAKING OVER", Runbook: "takeover-started",
		Symptom: "{server} DOWN - {standby} takes over",
		Lead:    "{standby} is taking over {server}. Another mail says how it ended.",
		Next:    []string{"Wait for the next mail, or watch: `failoverd events -f --server {server}`", "Do NOT start {server} or its application now."},
	},
	{
		Name: "takeover.done", Severity: journal.Critical, Protected: true, State: "TAKEN OVER", Runbook: "standby-serving",
		Symptom: "{server} DOWN - taken over by {standby}",
		Lead:    "{standby} is serving the users of {server} since {time}.",
		Next:    []string{"Tell the users: whoever was connected has to connect again.", repair, giveUp},
	},
	{
		Name: "takeover.failed", Severity: journal.Critical, Protected: true, State: "TAKEOVER FAILED", Runbook: "takeover-failed",
		Symptom: "{server} DOWN - takeover failed",
		Lead:    "{standby} could not take over {server}, and nobody serves its users: {reason}",
		Next: []string{
			"Repair {server}, or remove what stopped the takeover (above) and order it again: `failoverd failover {server}`",
			"See what would happen, without doing it: `failoverd failover {server} --dry-run`", explain,
		},
	},
	{
		Name: "decision.refused", Severity: journal.Critical, Protected: true, State: "NOT COVERED", Runbook: "takeover-refused",
		Symptom: "{server} DOWN - not taken over",
		Lead:    "{server} is down since {since} and was not taken over: {reason}",
		Nothing: "Nothing: {reason}",
		Next:    []string{"Repair {server}, or remove the reason.", explain, byHand},
	},
	{
		Name: "decision.held", Severity: journal.Critical, State: "ON HOLD", Runbook: "takeover-held",
		Symptom: "{server} NOT ANSWERING - decision held",
		Lead:    "{server} does not answer since {since}, but it is not taken over: the takeover is held.",
		Nothing: "Nothing: {reason}",
		Next:    []string{"Find out whether {server} is really down.", explain, byHand},
	},
	{
		Name: "standby.isolated", Severity: journal.Critical, State: "ISOLATED", Runbook: "standby-isolated",
		Symptom: "{standby} ISOLATED",
		Lead:    "{standby} has lost its own connection since {since}: it cannot tell whether a server is down, and takes nothing over.",
		Nothing: "Nothing is taken over while it is isolated.",
		Next:    []string{"Look at the cable, the switch port and the gateway of {standby}.", see},
	},
	{
		Name: "standby.connected", Severity: journal.Info, Protected: true, Over: true, State: "CONNECTED", Runbook: "standby-isolated",
		Symptom: "{standby} CONNECTED again",
		Lead:    "{standby} is connected again after {lasted}: it was isolated since {since}.",
		Nothing: "Nothing was taken over meanwhile; counting starts afresh.",
		Next:    []string{"Nothing has to be done now. " + see},
	},
	{
		Name: "address.conflict", Severity: journal.Critical, State: "ADDRESS CONFLICT", Runbook: "address-conflict",
		Symptom: "{server} ADDRESS CONFLICT",
		Lead:    "Another host uses an address of {server} while {standby} stands in for it: {reason}",
		Nothing: "Nothing so far.",
		Next: []string{
			"Find the host with that MAC address and take it off the network.",
			"If it is {server} itself, take the address off there; then, when it is repaired: {back}", explain,
		},
	},
	{
		Name: "capacity.waiting", Severity: journal.Critical, Protected: true, State: "WAITING", Runbook: "capacity-waiting",
		Symptom: "{server} DOWN - waiting for {standby}",
		Lead:    "{server} is down since {since} and nobody serves its users: {standby} is busy with another server.",
		Nothing: "Nothing: it has no room for another server. {server} is next when it has.",
		Next:    []string{"Repair {server}.", "To make room, give the other one its role back: `failoverd status` says by which command."},
	},
	{
		Name: "primary.back", Severity: journal.Warning, State: "PRIMARY BACK", Runbook: "primary-back",
		Symptom: "{server} IS BACK",
		Lead:    "{server} answers again while {standby} stands in for it.",
		Nothing: "Nothing: {standby} goes on standing in until somebody decides.",
		Next:    []string{"Do NOT start the application on {server} yet: both would serve.", giveUp},
	},
	{
		Name: "server.answering", Severity: journal.Info, Protected: true, Over: true, State: "RECOVERED", Runbook: "server-recovered",
		Symptom: "{server} RECOVERED",
		Lead:    "{server} answers again after {lasted}: it did not since {since}.",
		Nothing: "Nothing was needed.",
		Next:    []string{"Nothing has to be done now. To see why it was silent: `failoverd events --server {server}`"},
	},
	{
		Name: "release.done", Severity: journal.Warning, Protected: true, Over: true, State: "RELEASED", Runbook: "released",
		Symptom: "{server} RELEASED",
		Lead:    "{standby} has given back the role of {server} and serves its users no longer.",
		Next: []string{
			"If its databases are replicated, bring its system up, and its data back before its application starts: `failoverd replicate to-live {server}`",
			"Bring {server} up now, with its address and its application.",
			"Check that it is OK: `failoverd status {server}`",
		},
	},
	{
		Name: "release.failed", Severity: journal.Critical, Protected: true, State: "RELEASE FAILED", Runbook: "release-failed",
		Symptom: "{server} RELEASE FAILED",
		Lead:    "{standby} could not give back the role of {server}: {reason}",
		Next:    []string{"Do NOT bring {server} up yet: its address may still be on {standby}.", "Remove the reason and order it again: `failoverd release {server}`", explain},
	},
	{
		Name: "failback.done", Severity: journal.Warning, Protected: true, Over: true, State: "FAILED BACK", Runbook: "failed-back",
		Symptom: "{server} FAILED BACK",
		Lead:    "{server} has its data and its role back; {standby} serves its users no longer.",
		Next: []string{
			"If its application was not started by its agent (above), start it on {server} now, with its service address.",
			"Check that it is OK: `failoverd status {server}`",
		},
	},
	{
		Name: "failback.failed", Severity: journal.Critical, Protected: true, State: "FAILBACK FAILED", Runbook: "failback-failed",
		Symptom: "{server} FAILBACK FAILED",
		Lead:    "{server} could not be failed back: {reason}",
		Next: []string{
			"Do NOT start the application of {server}: see first who serves its users: `failoverd status {server}`",
			"Remove the reason and order it again: `failoverd failback {server} --dry-run`, then `failoverd failback {server}`",
			"See its steps: `failoverd events --server {server}`",
		},
	},
	{
		Name: "handover.done", Severity: journal.Warning, Protected: true, State: "HANDED OVER", Runbook: "handed-over",
		Symptom: "{server} HANDED OVER",
		Lead:    "{standby} is serving the users of {server} since {time}, with all of its data: {by} has handed it over.",
		Next: []string{
			"{server} can be switched off now. Do NOT start its application while {standby} stands in for it.",
			"To give its role back: {back}",
		},
	},
	{
		Name: "handover.failed", Severity: journal.Critical, Protected: true, State: "HAND-OVER FAILED", Runbook: "hand-over-failed",
		Symptom: "{server} HAND-OVER FAILED",
		Lead:    "{server} could not be handed over: {reason}",
		Next: []string{
			"See first who serves its users: `failoverd status {server}`. If nobody does, start the application on {server}, with its service address.",
			"Remove the reason and order it again: `failoverd handover {server} --dry-run`, then `failoverd handover {server}`",
			"See its steps: `failoverd events --server {server}`",
		},
	},
	{
		Name: "server.unstable", Severity: journal.Critical, State: "UNSTABLE", Runbook: "server-unstable",
		Symptom: "{server} UNSTABLE",
		Lead:    "{server} goes down and comes back again and again: {reason}",
		Nothing: "Nothing: it is not taken over automatically until somebody has looked at it.",
		Next:    []string{"Find out what is wrong with {server}.", byHand, "When it is stable again: `failoverd resume {server}`"},
	},
	{
		Name: "server.path_down", Severity: journal.Warning, State: "DEGRADED", Runbook: "path-down",
		Symptom: "{server} lost one of its paths",
		Lead:    "One address of {server} does not answer since {since}; another one does, so that it counts as alive.",
		Nothing: "Nothing: it is not a failure while another path answers.",
		Next:    []string{"Look at that network and network card of {server}.", "See all its paths: `failoverd show {server}`"},
	},
	{
		Name: "server.path_up", Severity: journal.Info, Over: true, State: "PATH UP", Runbook: "path-down",
		Symptom: "{server} answers over all its paths",
		Lead:    "The address of {server} that did not answer answers again.",
		Nothing: "Nothing was needed.",
		Next:    []string{"Nothing has to be done now. See all its paths: `failoverd show {server}`"},
	},
	{
		Name: "server.probe_failed", Severity: journal.Warning, State: "DEGRADED", Runbook: "probe-failed",
		Symptom: "{server} DEGRADED",
		Lead:    "{server} answers pings, but one of its further probes fails: {reason}",
		Nothing: "Nothing: what the failure of this probe means is in the configuration (failure: info, degraded or failure).",
		Next:    []string{"Look at the service that the probe asks.", "See all probes: `failoverd show {server}`"},
	},
	{
		Name: "server.probe_ok", Severity: journal.Info, Over: true, State: "PROBE OK", Runbook: "probe-failed",
		Symptom: "{server} probe passes again",
		Lead:    "The probe of {server} that failed passes again.",
		Nothing: "Nothing was needed.",
		Next:    []string{"Nothing has to be done now. See all probes: `failoverd show {server}`"},
	},
	{
		Name: "address.unverified", Severity: journal.Critical, Protected: true, State: "NOT REACHED", Runbook: "address-unverified",
		Symptom: "{server} address NOT REACHED",
		Lead:    "{standby} holds the address of {server}, but its neighbours do not answer it, so that users may not reach it: {reason}",
		Nothing: "It announces the address again and again.",
		Next: []string{
			"Look at the switch port of {standby}: port security, VLAN, a filter of ARP or of pings.",
			"From another host of the same network: `arping` the address; the MAC address has to be that of {standby}.", explain,
		},
	},
	{
		Name: "address.restored", Severity: journal.Warning, State: "RESTORED", Runbook: "address-restored",
		Symptom: "{server} address was removed and is back",
		Lead:    "Somebody removed the address of {server} from {standby} while it stood in; it was put back and announced.",
		Next:    []string{"Find what removed it: a network manager, a script, a person.", "To end the takeover instead: {back}"},
	},
	{
		Name: "address.stray", Severity: journal.Critical, Protected: true, State: "STRAY ADDRESS", Runbook: "address-stray",
		Symptom: "{standby} holds a stray address",
		Lead:    "{standby} found an address of its own that belongs to no takeover, and could not drop it: {reason}",
		Next:    []string{"Look at it: `ip address show`", "Remove it by hand, then: `systemctl restart failoverd`"},
	},
	{
		Name: "server.unknown", Severity: journal.Warning, State: "UNKNOWN", Runbook: "server-unknown",
		Symptom: "{server} UNKNOWN",
		Lead:    "{standby} cannot tell whether {server} is alive: {reason}",
		Nothing: "Nothing: what cannot be asked counts toward nothing, so that {server} is not watched at present.",
		Next:    []string{"Look at the routes, the interfaces and the rights of failoverd on {standby}.", "`failoverd show {server}`"},
	},
	{
		Name: "standin.died", Severity: journal.Critical, State: "STAND-IN DIED", Runbook: "standin-died",
		Symptom: "{server} STAND-IN DIED",
		Lead:    "The application that does the work of {server} on {standby} has ended: {reason}",
		Nothing: "It is being started again; another mail comes if that does not succeed.",
		Next:    []string{"Look at the application's own log on {standby}.", "`failoverd events -f --server {server}`"},
	},
	{
		Name: "standin.failed", Severity: journal.Critical, Protected: true, State: "NOT SERVING", Runbook: "standin-failed",
		Symptom: "{server} NOT SERVED",
		Lead:    "The application that does the work of {server} on {standby} does not run any more, and nobody serves its users: {reason}",
		Nothing: "It could not be started again.",
		Next:    []string{"Start it by hand on {standby}, or repair what it says in its log.", "If {server} can serve again: {back}"},
	},
	{
		Name: "replication.failed", Severity: journal.Warning, State: "COPY FAILED", Runbook: "replication-failed",
		Symptom: "{server} daily replication FAILED",
		Lead:    "The replication of {server} was not completed: {reason}",
		Nothing: "What was begun was taken back. Whatever was in service before is in service still.",
		Next: []string{
			"See how old the data is on which a takeover would work now: `failoverd show {server}`",
			"See which step failed: `failoverd operations --server {server}`",
			"Remove the reason. The next daily run tries again; to try now: `failoverd replicate from-live {server}`",
		},
	},
	{
		Name: "replication.rolled_back", Severity: journal.Critical, Protected: true, State: "ROLLED BACK", Runbook: "replication-rolled-back",
		Symptom: "{server} replication ROLLED BACK",
		Lead:    "A replication of {server} was taken back, and what was in service before it is in service again: {reason}",
		Next: []string{
			"See how old the data is on which a takeover would work now: `failoverd show {server}`",
			"Find out what was wrong with the newer data before it is copied again.", "`failoverd operations --server {server}`",
		},
	},
	{
		Name: "replication.late", Severity: journal.Warning, State: "COPY LATE", Runbook: "replication-late",
		Symptom: "{server} copy is LATE",
		Lead:    "The copy of {server} on {standby} is older than it should be: {reason}",
		Nothing: "A takeover would work on the last complete copy, as long as max_age allows it.",
		Next: []string{
			"See when it was copied last, and what failed since: `failoverd show {server}`",
			"Copy it now: `failoverd replicate from-live {server}`",
		},
	},
	{
		Name: "replication.done", Severity: journal.Info, Protected: true, Over: true, State: "COPIED", Runbook: "replication-done",
		Symptom: "{server} replication SUCCEEDS again",
		Lead:    "The replication of {server}, which had failed, succeeds again.",
		Next:    []string{"Nothing has to be done now. To see the age of the data: `failoverd show {server}`"},
	},
	{
		Name: "replication.refused", Severity: journal.Critical, State: "NOT COPIED", Runbook: "replication-refused",
		Symptom: "{server} NOT REPLICATED",
		Lead:    "{server} was not replicated: {reason}",
		Nothing: "Nothing was copied, and nothing was overwritten.",
		Next: []string{
			"See whose data is the newer one: `failoverd show {server}`",
			"If it is the standby's, bring it back to {server}: `failoverd replicate to-live {server} --dry-run`",
			"If it is to be given up: `failoverd replicate from-live {server} --accept discard-diverged`",
		},
	},
	{
		Name: "drill.failed", Severity: journal.Warning, State: "DRILL FAILED", Runbook: "drill-failed",
		Symptom: "{server} drill FAILED",
		Lead:    "A takeover of {server} was rehearsed on {standby}, and would not have gone well: {reason}",
		Nothing: "Nothing was changed: what the drill had made was dropped, and {server} serves its users as ever.",
		Next: []string{
			"See which step failed, and what it says: `failoverd operations --server {server}`",
			"Remove the reason, and rehearse again: `failoverd drill {server}`",
		},
	},
	{
		Name: "drill.passed", Severity: journal.Info, Protected: true, Over: true, State: "DRILL PASSED", Runbook: "drill-failed",
		Symptom: "{server} drill PASSES again",
		Lead:    "A takeover of {server} was rehearsed on {standby}, and nothing failed any more.",
		Nothing: "It dropped what it had made for that.",
		Next:    []string{"Nothing has to be done now. To see it: `failoverd show {server}`"},
	},
	{
		Name: "files.late", Severity: journal.Warning, State: "FILES LATE", Runbook: "files-late",
		Symptom: "{server} files OUT OF DATE",
		Lead:    "A copy of files of {server} on {standby} is further behind than it should be: {reason}",
		Nothing: "It is tried again and again. A takeover would work with the files that are there.",
		Next:    []string{"See how far each copy is, and what is not copied: `failoverd files {server}`"},
	},
	{
		Name: "files.held", Severity: journal.Warning, State: "DELETIONS HELD", Runbook: "files-held",
		Symptom: "{server} deletions of files HELD BACK",
		Lead:    "So many files of {server} were deleted at once that they are not deleted on {standby} before somebody says so.",
		Nothing: "Nothing is deleted in the copy. What is written and changed is copied as ever.",
		Next: []string{
			"Find out whether the files were meant to go, or a disk or a share is missing on {server}.",
			"See how many wait: `failoverd files {server}`", "To let them go, with the name of the tree: `failoverd files confirm-deletions {server} TREE`",
		},
	},
	{
		Name: "files.full", Severity: journal.Warning, State: "NO ROOM", Runbook: "files-full",
		Symptom: "{server} files NOT COPIED - {standby} has no room",
		Lead:    "Files of {server} are not copied, because the disk of {standby} has no room for them beside the reserve: {reason}",
		Nothing: "What is there stays as it is; what fits is copied. The rest goes on by itself when there is room.",
		Next:    []string{"Make room on {standby}: the trash of the copy, in .failoverd/trash below it, is emptied by age.", "See what is missing: `failoverd files {server}`"},
	},
	{
		Name: "files.root", Severity: journal.Critical, State: "OTHER SOURCE", Runbook: "files-root",
		Symptom: "{server} files - the source is NOT WHAT IT WAS",
		Lead:    "The directory that files of {server} are copied from is another one than before: unmounted, or replaced.",
		Nothing: "Nothing is copied from it, and nothing was deleted in the copy.",
		Next: []string{
			"Look whether the disk or share is mounted. When it is back, copying goes on by itself.",
			"If it was replaced on purpose, with the name of the tree: `failoverd files accept-source {server} TREE`", "`failoverd files {server}`",
		},
	},
	{
		Name: "files.current", Severity: journal.Info, Protected: true, Over: true, State: "FILES CURRENT", Runbook: "files-current",
		Symptom: "{server} files are as their source again",
		Lead:    "What was said about a copy of files of {server} has passed: it is as its source again ({reason}).",
		Nothing: "It was brought up to date.",
		Next:    []string{"Nothing has to be done now. To see it: `failoverd files {server}`"},
	},
	{
		Name: "server.not_ready", Severity: journal.Critical, State: "NOT READY", Runbook: "not-ready",
		Symptom: "{server} NOT READY - could not be taken over",
		Lead:    "If {server} failed now, {standby} would not take it over, or could not: {reason}",
		Nothing: "Nothing: {server} serves its users as ever, and is watched.",
		Next:    []string{"See each check with the command that helps: `failoverd check {server}`"},
	},
	{
		Name: "server.ready", Severity: journal.Info, Protected: true, Over: true, State: "READY", Runbook: "not-ready",
		Symptom: "{server} READY again",
		Lead:    "{standby} would take {server} over again. It could not for {lasted}.",
		Nothing: "Nothing was needed.",
		Next:    []string{"Nothing has to be done now. To see each check: `failoverd check {server}`"},
	},
	{
		Name: "config.rejected", Severity: journal.Warning, State: "CONFIG REJECTED", Runbook: "config-rejected",
		Symptom: "{standby} configuration REJECTED",
		Lead:    "The new configuration has errors and is not in force: {reason}",
		Nothing: "The previous configuration stays in force.",
		Next:    []string{"See all errors with their lines: `failoverd config check`", "Correct them, then: `failoverd reload`"},
	},
	{
		Name: "journal.unwritable", Severity: journal.Critical, Protected: true, State: "NO JOURNAL", Runbook: "journal-unwritable",
		Symptom: "{standby} CANNOT WRITE ITS JOURNAL",
		Lead:    "{standby} cannot write its journal, and what cannot be remembered is not done: {reason}",
		Nothing: "It watches the servers. NOTHING IS TAKEN OVER, copied or brought back; whom {standby} stands in for is served as before. Other alerts wait until the journal can be written.",
		Next: []string{
			"Make room on the disk of the data directory of {standby}, or mend the disk: `df -h`, `dmesg`. It goes on by itself then.",
			see,
		},
	},
	{
		Name: "journal.writable", Severity: journal.Info, Protected: true, Over: true, State: "JOURNAL AGAIN", Runbook: "journal-unwritable",
		Symptom: "{standby} CAN WRITE ITS JOURNAL AGAIN",
		Lead:    "{standby} can write its journal again: {reason}",
		Nothing: "What was held back is being done; alerts that have waited are on their way.",
		Next:    []string{see},
	},
	{
		Name: "journal.unreadable", Severity: journal.Critical, Protected: true, State: "NO JOURNAL", Runbook: "journal-unreadable",
		Symptom: "{standby} CANNOT READ ITS JOURNAL",
		Lead:    "{standby} cannot read its journal, and does not know what it was doing: {reason}",
		Nothing: "It watches the servers and tells who fails. NOTHING IS TAKEN OVER, copied or brought back; addresses that {standby} holds are left as they are.",
		Next: []string{
			"See which addresses {standby} holds: `ip address show` there; the label ends in :fo.",
			"See what is wrong: `journalctl -u failoverd`",
			"Put the last backup of the journal back, or make room on the disk; then: `systemctl restart failoverd`",
		},
	},
	{
		Name: "daemon.started_after_crash", Severity: journal.Warning, State: "RESTARTED", Runbook: "started-after-crash",
		Symptom: "{standby} RESTARTED after a crash",
		Lead:    "failoverd on {standby} runs again; it had ended without being told to. {reason}",
		Nothing: "Nothing had to be finished or undone.",
		Next:    []string{see, "If it was not a power cut or a reset, look for the reason: `journalctl -u failoverd`"},
	},
	{
		Name: Report, Severity: journal.Info, Protected: true, State: "DAILY REPORT", Runbook: "daily-report",
		Symptom: "{standby} daily report: {reason}",
		Lead:    "The daily report of {standby}: {reason}",
		Next: []string{
			"If something above is not in order, see each check with the command that helps: `failoverd check`",
			"If this mail fails to come one day, failoverd or the way of its mails does not work: look at {standby}.",
		},
	},
	{
		Name: "incident.acknowledged", Severity: journal.Info, Protected: true, State: "TAKEN CARE OF", Runbook: "incidents",
		Symptom: "{server} is taken care of",
		Lead:    "{by} takes care of this incident, which began at {since}.",
		Nothing: "It reminds nobody of it any more, and does not escalate it, unless it gets worse.",
		Next:    []string{"You need not do anything, unless {by} asks you to. To see how it stands: `failoverd incidents`"},
	},
	{
		Name: "incident.reminder", Severity: journal.Warning, State: "STILL SO", Runbook: "incidents",
		Symptom: "{server} - an incident goes on",
		Lead:    "This goes on since {since}, and nobody has acknowledged it: {reason}",
		Nothing: "Nothing more than what the earlier alerts say.",
		Next:    []string{"If you take care of it, say so: `failoverd ack {incident} --reason TEXT`", see, "What happened: `failoverd events --since 24h`"},
	},
	{
		Name: "server.still_suspended", Severity: journal.Warning, Unowned: true, State: "SUSPENDED", Runbook: "suspended-for-long",
		Symptom: "{server} still SUSPENDED",
		Lead:    "{server} is suspended since {since}: it is not watched, and is not taken over if it fails: {reason}",
		Nothing: "Nothing: it does what it was told to.",
		Next: []string{
			"If the work on {server} is done: `failoverd resume {server} --reason TEXT`",
			"If it goes on, say until when: `failoverd suspend {server} --reason TEXT --for 2h`",
			"If {server} is out of use: `failoverd stop {server} --reason TEXT`",
		},
	},
	{
		Name: "server.resumed", Severity: journal.Info, Protected: true, Over: true, State: "WATCHED AGAIN", Runbook: "suspended-for-long",
		Symptom: "{server} is watched again",
		Lead:    "{server}, which was suspended, is watched again since {time}.",
		Nothing: "It asks {server} again, and counts afresh.",
		Next:    []string{"Nothing has to be done now. " + see},
	},
	{
		Name: "incident.escalated", Severity: journal.Critical, Protected: true, State: "NOBODY ACTS", Runbook: "incidents",
		Symptom: "{server} - nobody takes care",
		Lead:    "This goes on since {since} and nobody has acknowledged it, so that you are told: {reason}",
		Nothing: "Nothing more than what is said here.",
		Next:    []string{see, "If you take care of it, say so: `failoverd ack {incident} --reason TEXT`", "Find out why nobody else did: `failoverd events --kind 'alert.*' --since 24h`"},
	},
	{
		Name: "alert.test", Severity: journal.Info, State: "TEST", Runbook: "test",
		Symptom: "{standby} TEST mail",
		Lead:    "This is a test. {by} asked for it; nothing has happened.",
		Nothing: "It has sent this mail.",
		Next:    []string{"Nothing has to be done. When you can read this, alerts of {standby} reach you."},
	},
}
