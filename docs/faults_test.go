package docs_test

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/internal/guards"
)

// fault is something that happens to a standby, to what is around it, or to what it is given.
type fault struct {
	what string
	// shown are the scenarios that go red when what is promised for the fault is broken: a package and a test, or a file of
	// monitor's scenarios after a slash.
	shown []string
	// open says what is not shown.
	open string
}

// faults are those that failoverd promises to survive, by where they come from.
func faults() []struct {
	from string
	list []fault
} {
	const lab, machine, pings = "cmd/failoverd ", "monitor TestScenarios/", "monitor/probe "
	return []struct {
		from string
		list []fault
	}{
		{"The standby", []fault{
			{what: "own cable pulled; port up but in the wrong VLAN", shown: []string{lab + "TestIsolatedStandby", machine + "isolated", machine + "isolated-by-witnesses"}},
			{what: "gateway dead but neighbours alive", shown: []string{lab + "TestGatewayDead", machine + "gateway-dead"}},
			{what: "paused (SIGSTOP, live migration)", shown: []string{lab + "TestStoppedStandby", pings + "TestStopped"}},
			{what: "clock steps", shown: []string{pings + "TestReceived"}, open: "the whole daemon beside a clock that is set: each part of it takes its times from the monotonic clock, and no scenario sets the host's"},
			{what: "daylight saving", shown: []string{"replicate TestOneRunPerLocalDay", "replicate TestWantedOncePerLocalDay", "standby TestOneRunADay"}},
			{what: "killed at every journalled edge of a takeover", shown: []string{lab + "TestKilledAtEveryEdgeOfATakeover", "plan TestCrashAtEveryEdge"}},
			{what: "killed at every journalled edge of a release", shown: []string{lab + "TestKilledAtEveryEdgeOfARelease"}},
			{what: "killed at every journalled edge of a replication, of a rollback, and to live", shown: []string{
				lab + "TestKilledAtEveryEdgeOfAReplication", lab + "TestKilledAtEveryEdgeOfARollback", lab + "TestKilledAtEveryEdgeToLive",
				lab + "TestKilledAtTheEdgesOfTheWayBack", "standby TestKilledAtEveryStatement",
			}},
			{what: "killed at every journalled edge of a failback, and of a drill", shown: []string{
				lab + "TestKilledAtEveryEdgeOfAFailback", lab + "TestKilledAtEveryEdgeOfADrill", "standby TestADrillKilledAtEveryStatement",
			}},
			{what: "the primary dies during a drill", shown: []string{lab + "TestThePrimaryDiesDuringADrill", "standby TestThePrimaryDiesDuringADrill"}},
			{what: "a failback that cannot be finished", shown: []string{lab + "TestFailbackStops", "standby TestFailbackUndone"}},
			{what: "killed at every journalled edge of a hand-over", shown: []string{lab + "TestKilledAtEveryEdgeOfAHandover", "standby TestHandoverAfterACrash"}},
			{what: "a hand-over that cannot be finished", shown: []string{lab + "TestHandoverStops", "standby TestHandoverUndone", "takeover TestNothingIsTakenBeforeItIsGivenUp"}},
			{what: "the primary dies during a hand-over", shown: []string{"standby TestThePrimaryDiesInAHandover", machine + "hand-over"}},
			{what: "restarted while standing in", shown: []string{lab + "TestRestartWhileStandingIn", machine + "restart-while-standing-in"}},
			{what: "host rebooted while standing in, with the primary dead, and with the primary back", shown: []string{lab + "TestRebootWhileStandingIn", machine + "reboot-with-the-primary-back"}},
			{what: "disk full: the journal's", shown: []string{"journal TestDiskFull", "journal TestDiskFullAtTheStart", "standby TestWithoutAJournalNothingIsTakenOver", "standby TestADiskThatFailsInTheMiddleOfATakeoverIsTriedAgain"}},
			{what: "the journal takes nothing for long", shown: []string{lab + "TestTheJournalTakesNothingForLong", "standby TestPeopleAreToldPastAJournalThatTakesNothing"}},
			{what: "disk full: the copies'", shown: []string{
				lab + "TestNoRoomForTheNextCopy", "replicate/database/postgres TestEngine", "replicate/database/mysql TestEngine", "replicate/database/sqlite TestEngine",
				"replicate/database/sqlserver TestEngine", "replicate/files TestSinkReserve",
			}},
			{what: "journal torn, half made, or of a newer version", shown: []string{"journal TestDamage", "journal TestDamageMetLater", "journal TestHalfMade"}},
			{what: "the journal cannot be read at the start: torn, of a newer version, on a disk that is read-only, out of reach", shown: []string{lab + "TestStartedWithoutItsJournal", lab + "TestAJournalThatIsBeingBroughtBackIsLeftAlone", "standby TestAJournalThatCannotBeRead"}},
			{what: "the API's port is another program's", shown: []string{lab + "TestThePortOfTheAPIIsTaken", "api TestListenLate", "api TestListenLateIsClosed"}},
			{what: "an address in the kernel that the journal or the configuration knows nothing of", shown: []string{"standby TestStrays", "standby TestAConfigurationThatDoesNotDescribeWhatIsHeld"}},
		}},
		{"The network", []fault{
			{what: "all primaries silent at once; a switch that reboots", shown: []string{lab + "TestAllSilentAtOnce", machine + "all-silent"}},
			{what: "lost packets, 30 % for an hour", shown: []string{"monitor TestAnHourOfLoss"}, open: "an hour of it on a wire; `make soak` plays ten minutes at 10 % and at 20 % ([Performance](performance.md#lost-packets))"},
			{what: "late answers", shown: []string{pings + "TestLateAnswer", pings + "TestReadLateIsNotLate", machine + "late-answers"}},
			{what: "ICMP filtered while the host lives", shown: []string{lab + "TestFilteredPrimaryIsNotTakenOver", machine + "arp-holds"}},
			{what: "standby and primary cut from each other while clients reach both", open: "nothing that the standby can ask tells this from a death: `fence`, a second path or a witness of the application's own is for that"},
			{what: "neighbours that ignore gratuitous ARP", shown: []string{lab + "TestNeighbourThatIgnoresGratuitousARP", "takeover/address TestANeighbourThatIgnoresGratuitousARPIsIntroduced"}},
			{what: "address removed by somebody", shown: []string{lab + "TestWatchWhileStandingIn", "takeover TestTheWatchPutsBackWhatIsRemoved"}},
			{what: "link or MAC address of the interface changes while standing in", shown: []string{"takeover TestTheWatchAnnouncesAnewAfterAChangeOfTheLink", "takeover/address TestASegmentFollowsAnInterfaceMadeAnew"}},
		}},
		{"The primary", []fault{
			{what: "power cut", shown: []string{lab + "TestPrimaryDies"}},
			{what: "power cut of both hosts", shown: []string{lab + "TestFailAfterReboot", machine + "after-reboot"}},
			{what: "hangs while its ARP is alive", shown: []string{machine + "arp-holds", "standby TestAPrimaryThatAnswersARPIsNotTakenOver"}},
			{what: "reboots within the threshold", shown: []string{machine + "answered-before-the-threshold"}},
			{what: "comes and goes", shown: []string{machine + "unstable", machine + "unstable-after-a-reboot", machine + "arp-answered-again"}},
			{what: "boots while the standby stands in", shown: []string{lab + "TestAReturningPrimaryStaysDown", "replicate/agent TestTheStandbySaysThatItStandsIn", "standby TestThePrimaryIsHeld"}},
			{what: "has its address back, and neighbours that keep the standby's MAC address", shown: []string{
				lab + "TestClientsFollowThePrimaryHome", "standby TestNeighboursAreToldThatThePrimaryIsBack", "takeover/address TestTheHolderIsAnnouncedForIt",
			}},
			{what: "returns with its address while the standby takes over, or stands in, and says nothing", shown: []string{lab + "TestReturningPrimary", machine + "answers-during-takeover", machine + "claims-defend"}},
			{what: "two fail, and there is one slot", shown: []string{lab + "TestTwoFailOneSlot", machine + "two-fail-one-slot"}},
		}},
		{"Files", []fault{
			{what: "source unmounted, emptied or replaced", shown: []string{lab + "TestFilesAreNotDeletedUnasked", "replicate/files TestUnmounted", "replicate/files TestSinkBrake"}},
			{what: "a file that is written while it is copied", shown: []string{"replicate/files TestRecorder", "replicate/files TestGrowing", "replicate/files TestTruth"}},
			{what: "more events than the kernel keeps; more directories than it watches", shown: []string{"replicate/files TestOverflow", "replicate/files TestWatchLimit"}},
			{what: "names with `..`, a newline, invalid UTF-8, 255 bytes", shown: []string{"replicate/files TestFirstCopy", "replicate/files TestCheckPath", "replicate/files TestSinkLies"}},
			{what: "symbolic links that lead outward", shown: []string{"replicate/files TestSinkFollowsNoLink", "replicate/files TestRescueThroughLink"}},
			{what: "huge and sparse files", shown: []string{"replicate/files TestSinkResumes", "replicate/files TestChangedBlocks"}},
			{what: "devices, pipes, sockets", shown: []string{"replicate/files TestIrregular"}},
			{what: "connection cut, either side killed", shown: []string{"replicate/files TestSinkCrash", "replicate/files TestSoak", lab + "TestKilledInAFirstCopy", lab + "TestFilesByTheAgent"}},
			{what: "a peer that lies", shown: []string{"replicate/files TestSinkLies", "replicate/files TestWireRefuses", "replicate/agent TestRequestsThatAreNoneEndTheConnection"}},
		}},
		{"Databases", []fault{
			{what: "backup torn", shown: []string{"replicate/database/sqlserver TestATornBackupIsNotRestored", "replicate/database/sqlserver TestWhatArrivedDamagedIsNotTaken"}},
			{what: "a step of a copy fails, whichever", shown: []string{"standby TestWhateverFailsAllOfItIsTakenBack", lab + "TestReplicationFails"}},
			{what: "a server restarts or dies in the middle", shown: []string{
				"replicate/database/sqlserver TestAServerThatGoesAwayInTheMiddle", "replicate/database/sqlserver TestAServerThatDiesBetweenTheNames", lab + "TestThePrimaryDiesWhileItIsCopied", "standby TestThePrimaryDiesInTheMiddle",
			}},
			{what: "catalog missing, login refused, engine older on the standby", shown: []string{"replicate/database/postgres TestEngine", "replicate/database/mysql TestEngine", "replicate/database/sqlite TestEngine", "replicate/database/sqlserver TestEngine"}},
			{what: "password changed in the middle", shown: []string{"replicate/database/sqlserver TestAPasswordThatIsChangedInTheMiddle"}},
			{what: "failoverd killed while it copies, swaps or rolls back", shown: []string{
				"replicate/database/postgres TestKilledWhileItCopies", "replicate/database/postgres TestKilledWhileItSwaps", "replicate/database/postgres TestKilledWhileItRollsBack",
				"replicate/database/postgres TestAStatementEndsSoonAfterWeHaveDied",
				"replicate/database/sqlite TestKilledAtEveryEdge", "replicate/database/sqlite TestKilledAtAnyInstant",
			}},
			{what: "the primary has what is in no copy", shown: []string{lab + "TestNewerAtThePrimary", "standby TestNothingIsCopiedOntoDivergedData"}},
		}},
		{"Alerts", []fault{
			{what: "mail server down", shown: []string{lab + "TestMailServerDown", "alerts TestOutboxRetries", "alerts TestOutboxSurvivesARestart"}},
			{what: "login refused, TLS broken", shown: []string{"alerts TestSMTPRefusals", "alerts TestSMTPModes"}},
			{what: "accepted, and the answer lost", shown: []string{"alerts TestSMTPDeliveredAfterAll", "alerts TestOutboxOverSMTP", "alerts TestOutboxDoesNotSendTwiceWhenTheJournalFails"}},
			{what: "connection hangs", shown: []string{"alerts TestSMTPSilentServer", "alerts TestOutboxRecipientsAreIndependent"}},
			{what: "name of the mail server cannot be resolved", shown: []string{lab + "TestTheMailServersNameIsNotResolved"}},
			{what: "a receiver of webhooks that is away, slow, or somebody else; a way out that hangs", shown: []string{lab + "TestAlertsByEveryWay", "alerts TestWebhookBadReceivers", "alerts TestWebhookVerifiesTheReceiver", "alerts TestOutboxHangingWaysDelayNobody"}},
			{what: "killed at any edge of a delivery", shown: []string{"alerts TestOutboxKilled"}},
			{what: "a storm of flaps", shown: []string{"alerts TestOutboxRateLimit"}},
		}},
		{"Access", []fault{
			{what: "no token, a wrong one, one of a lesser role, one for other servers", shown: []string{"api TestBadTokens", "api TestRoles", "api TestTokenForSomeServers"}},
			{what: "a state that has passed", shown: []string{"api TestOrdersForAnotherState", "api/console TestNothingHappensTwice"}},
			{what: "a page of another site", shown: []string{"api TestSessionNeedsItsOwnPage"}},
			{what: "oversized and slow requests, answers that nobody takes", shown: []string{"api TestRefusedRequests", "api TestSlowSenders", "api TestBrokenBodies", "api TestHugeHeader"}},
			{what: "a thousand idle event streams", shown: []string{"api TestThousandIdleStreams"}},
			{what: "guessing of tokens, a flood of requests", shown: []string{"api TestGuessingIsSlowedDown", "api TestRateLimit"}},
			{what: "broken and hostile configuration files", shown: []string{"config TestBadFilesGiveTheMessageThatAPersonNeeds", "config TestParseOfHugeFiles"}},
		}},
	}
}

// told is what a test says of itself in its comment, without its name; of a scenario of monitor's, its first sentences.
func told(t *testing.T, tests map[string]string, name string) string {
	t.Helper()
	if scenario, ok := strings.CutPrefix(name, "monitor TestScenarios/"); ok {
		text := read(t, "monitor/testdata/scenarios/"+scenario+".txt")
		prose, _, _ := strings.Cut(text, "\n\n")
		for line := range strings.Lines(text) {
			if strings.ContainsAny(line[:1], ":<>") {
				prose, _, _ = strings.Cut(text, line)
				break
			}
		}
		return strings.Join(strings.Fields(prose), " ")
	}
	said, ok := tests[name]
	if !ok {
		t.Errorf("there is no test %s", name)
	}
	_, short, _ := strings.Cut(name, " ")
	said = strings.TrimPrefix(strings.TrimPrefix(said, short), ":")
	if said = strings.Join(strings.Fields(said), " "); said == "" {
		t.Errorf("%s does not say what it does", name)
		return ""
	}
	return strings.ToUpper(said[:1]) + said[1:]
}

// testComments are the comments of all tests of the project, by package and name.
func testComments(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				var p comment.Parser
				found[dir+" "+f.Name.Name] = string(new(comment.Printer).Text(p.Parse(f.Doc.Text())))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestFaults holds docs/faults.md against the scenarios: each is there, and says of itself what the page says of it.
func TestFaults(t *testing.T) {
	tests := testComments(t)
	all, err := guards.All()
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString(`# Faults

What goes wrong, and what shows that failoverd survives it. Each scenario is a test that goes red when the promise is broken; what
is said of it is its own comment, and this page is written from them. Those of ` + "`cmd/failoverd`" + ` run the daemon as people do, most
of them in a world of hosts in network namespaces with real processes, packets and disks; those of ` + "`monitor`" + ` are
stories that the state machine is told, event by event; those of databases run on real servers, but for SQL Server, whose
stand-in speaks the real protocol. All run in ` + "`make test`" + `. What comes of many faults at once is tried by [Chaos](chaos.md).

A scenario that stays green when what keeps the promise is missing proves nothing. Below each stands what was taken out of the
program to see it go red; ` + "`make guards`" + ` takes all of it out again, one after another.

` + "```sh" + `
go test ./cmd/failoverd -run TestIsolatedStandby -v
` + "```" + `
`)
	for _, group := range faults() {
		fmt.Fprintf(&page, "\n## %s\n", group.from)
		for _, f := range group.list {
			fmt.Fprintf(&page, "\n### %s%s\n\n", strings.ToUpper(f.what[:1]), f.what[1:])
			for _, name := range f.shown {
				pkg, test, _ := strings.Cut(name, " ")
				fmt.Fprintf(&page, "- `%s` (`%s`): %s\n", test, pkg, told(t, tests, name))
				found := guards.Of(all, guards.Scenario{Package: pkg, Test: test})
				if len(found) == 0 {
					t.Errorf("%s: nothing is known without which it goes red (internal/guards/list)", name)
				}
				for _, g := range found {
					fmt.Fprintf(&page, "  - Red without: %s\n", g.What)
				}
			}
			if f.open != "" {
				fmt.Fprintf(&page, "- **Not shown:** %s.\n", f.open)
			}
			if len(f.shown) == 0 && f.open == "" {
				t.Errorf("%s: neither shown nor said that it is not", f.what)
			}
		}
	}
	file := filepath.Join(root, "docs/faults.md")
	if *update {
		if err := os.WriteFile(file, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(page.String(), read(t, "docs/faults.md")); diff != "" {
		t.Errorf("docs/faults.md (-tests +document), -update writes it anew:\n%s", diff)
	}
}
