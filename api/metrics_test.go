package api

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"failoverd/status"
)

// scrape reads the metrics as Prometheus does.
func scrape(t *testing.T, w *world) string {
	t.Helper()
	res, answer := w.call(http.MethodGet, "/metrics", w.scraper(), "")
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: %s %s", res.Status, answer)
	}
	return string(answer)
}

// scraper is a token for scraping.
func (w *world) scraper() string {
	w.t.Helper()
	if w.scrapeToken == "" {
		w.scrapeToken = w.token(Viewer).Secret
	}
	return w.scrapeToken
}

// Every number has the value of the snapshot.
func TestMetrics(t *testing.T) {
	w := startWorld(t, Limits{})
	m := w.api.metrics
	m.ObservePing("PBX", 400*time.Microsecond)
	m.ObservePing("PBX", 2*time.Millisecond)
	m.ObserveMiss("CRM")
	m.ObserveMiss("CRM")
	m.ObserveDecision(700 * time.Microsecond)
	m.ObserveTakeover("CRM", "succeeded", 300*time.Millisecond)
	m.ObserveReplication("PBX", status.FromLive, "failed", 20*time.Second)
	m.ObserveDrill("PBX", "succeeded", 20*time.Second)
	w.standby.set(func(f *fakeStandby) {
		age, limit, at, free := 3600.0, 129600.0, time.Unix(1763700000, 0), int64(5000)
		f.snapshot.Servers[0].Replication, f.snapshot.Servers[1].Diverged = "op_7", true
		f.snapshot.Servers[0].Copies = []status.Copy{
			{Catalog: "CTSERVER", Age: &age, MaxAge: &limit, Verified: &at, Bytes: 4096, Rows: 12, Attempt: &status.Attempt{OK: true}, Space: &status.Space{Need: 9000, Free: &free}},
			{Catalog: "NEVER", Space: &status.Space{Need: 100, Unknown: "it runs elsewhere"}, Late: true, Attempt: &status.Attempt{Error: "disk full"}},
		}
		f.snapshot.Servers[0].Drills = &status.Drills{Operation: "drill-8", Proved: &at, Age: &age, MaxAge: &limit, Last: &status.Drilled{}}
		f.snapshot.Servers[1].Drills = &status.Drills{}
		lag := 2.5
		f.snapshot.Servers[0].Trees = []status.Tree{
			{
				Name: "vm", Connected: true, Files: 9, Bytes: 81, Received: 77, Lag: &lag, MaxLag: 900, Synced: &at, Missing: 3, Held: 4,
				Failed: []status.FailedPath{{Path: "a", Reason: "b"}}, Ailment: "held",
			},
			{Name: "never", MaxLag: 60},
		}
	})
	text := scrape(t, w)
	for _, want := range []string{
		`failoverd_server_state{server="PBX",state="OK"} 1`,
		`failoverd_server_state{server="PBX",state="Failure"} 0`,
		`failoverd_server_state{server="CRM",state="Failure"} 1`,
		`failoverd_server_state{server="CRM",state="Replicating"} 0`,
		`failoverd_files_connected{server="PBX",tree="vm"} 1`,
		`failoverd_files_connected{server="PBX",tree="never"} 0`,
		`failoverd_files_count{server="PBX",tree="vm"} 9`,
		`failoverd_files_source_bytes{server="PBX",tree="vm"} 81`,
		`# TYPE failoverd_files_received_bytes_total counter`,
		`failoverd_files_received_bytes_total{server="PBX",tree="vm"} 77`,
		`failoverd_files_lag_seconds{server="PBX",tree="vm"} 2.5`,
		`failoverd_files_max_lag_seconds{server="PBX",tree="vm"} 900`,
		`failoverd_files_last_synced_timestamp_seconds{server="PBX",tree="vm"} 1.7637e+09`,
		`failoverd_files_last_synced_timestamp_seconds{server="PBX",tree="never"} 0`,
		`failoverd_files_missing{server="PBX",tree="vm"} 3`,
		`failoverd_files_held_deletions{server="PBX",tree="vm"} 4`,
		`failoverd_files_failed{server="PBX",tree="vm"} 1`,
		`failoverd_files_ailment{ailment="held",server="PBX",tree="vm"} 1`,
		`failoverd_files_ailment{ailment="root",server="PBX",tree="vm"} 0`,
		`failoverd_server_role{role="standing by",server="CRM"} 1`,
		`failoverd_server_role{role="standing in",server="CRM"} 0`,
		`failoverd_takeover_ready{server="PBX"} 1`,
		`failoverd_takeover_ready{server="CRM"} 0`,
		`failoverd_ping_last_rtt_seconds{address="10.0.0.1",server="PBX"} 0.0004`,
		`failoverd_ping_rtt_seconds_count{server="PBX"} 2`,
		`failoverd_ping_rtt_seconds_bucket{server="PBX",le="0.0005"} 1`,
		`failoverd_misses_total{server="CRM"} 2`,
		`failoverd_misses_consecutive{server="CRM"} 15`,
		`failoverd_decision_seconds_bucket{le="0.0005"} 0`,
		`failoverd_decision_seconds_bucket{le="0.001"} 1`,
		`failoverd_takeovers_total{result="succeeded",server="CRM"} 1`,
		`failoverd_takeover_seconds_sum{server="CRM"} 0.3`,
		`failoverd_replication_duration_seconds_bucket{kind="replicate-from-live",result="failed",server="PBX",le="15"} 0`,
		`failoverd_replication_duration_seconds_bucket{kind="replicate-from-live",result="failed",server="PBX",le="30"} 1`,
		`failoverd_drill_age_seconds{server="PBX"} 3600`,
		`failoverd_drill_max_age_seconds{server="PBX"} 129600`,
		`failoverd_drill_last_success_timestamp_seconds{server="PBX"} 1.7637e+09`,
		`failoverd_drill_last_success_timestamp_seconds{server="CRM"} 0`,
		`failoverd_drill_failed{server="PBX"} 1`,
		`failoverd_drill_failed{server="CRM"} 0`,
		`failoverd_drill_running{server="PBX"} 1`,
		`failoverd_drill_running{server="CRM"} 0`,
		`failoverd_drill_duration_seconds_sum{result="succeeded",server="PBX"} 20`,
		`failoverd_replication_duration_seconds_sum{kind="replicate-from-live",result="failed",server="PBX"} 20`,
		`failoverd_outbox_pending 3`,
		`failoverd_standby_isolated 0`,
		`failoverd_journal_works 1`,
		`failoverd_standing_in 0`,
		`failoverd_server_suspended{server="PBX"} 0`,
		`failoverd_config_last_reload_successful 1`,
		`failoverd_witness_answering{address="10.0.0.254",kind="gateway"} 1`,
		`failoverd_epoch{server="PBX"} 4`,
		`failoverd_build_info{goversion="go`,
		`version="1.2.3"} 1`,
		`failoverd_diverged{server="CRM"} 1`,
		`failoverd_diverged{server="PBX"} 0`,
		`failoverd_replication_age_seconds{catalog="CTSERVER",server="PBX"} 3600`,
		`failoverd_replication_max_age_seconds{catalog="CTSERVER",server="PBX"} 129600`,
		`failoverd_replication_last_success_timestamp_seconds{catalog="CTSERVER",server="PBX"} 1.7637e+09`,
		`failoverd_replication_last_success_timestamp_seconds{catalog="NEVER",server="PBX"} 0`,
		`failoverd_replication_bytes{catalog="CTSERVER",server="PBX"} 4096`,
		`failoverd_replication_rows{catalog="CTSERVER",server="PBX"} 12`,
		`failoverd_replication_late{catalog="CTSERVER",server="PBX"} 0`,
		`failoverd_replication_late{catalog="NEVER",server="PBX"} 1`,
		`failoverd_replication_failed{catalog="CTSERVER",server="PBX"} 0`,
		`failoverd_replication_failed{catalog="NEVER",server="PBX"} 1`,
		`failoverd_replication_space_needed_bytes{catalog="CTSERVER",server="PBX"} 9000`,
		`failoverd_replication_space_free_bytes{catalog="CTSERVER",server="PBX"} 5000`,
		`failoverd_replication_space_needed_bytes{catalog="NEVER",server="PBX"} 100`,
		`failoverd_replication_running{server="PBX"} 1`,
		"go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	for _, unwanted := range []string{
		`failoverd_replication_age_seconds{catalog="NEVER"`, `failoverd_replication_space_free_bytes{catalog="NEVER"`, `failoverd_replication_running{server="CRM"}`,
	} {
		if strings.Contains(text, unwanted) {
			t.Errorf("the metrics have %s, of which nothing is known", unwanted)
		}
	}
	w.standby.set(func(f *fakeStandby) {
		f.age = time.Hour
		f.snapshot.Standby.Isolated = &status.Isolated{}
		f.snapshot.Standby.Journal = status.Health{Error: "cannot be written: disk full"}
		f.snapshot.Standby.Config.Error = "line 3"
		f.snapshot.Standby.StandingIn = []string{"CRM"}
		f.snapshot.Servers = f.snapshot.Servers[:1]
		f.snapshot.Servers[0].Suspension = &status.Suspension{}
		f.snapshot.Standby.Witnesses = append(f.snapshot.Standby.Witnesses, f.snapshot.Standby.Witnesses[0])
	})
	text = scrape(t, w)
	for _, want := range []string{`failoverd_standby_isolated 1`, `failoverd_journal_works 0`, `failoverd_config_last_reload_successful 0`, `failoverd_standing_in 1`, `failoverd_server_suspended{server="PBX"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	if strings.Contains(text, `"CRM"`) {
		t.Error("there still are numbers of a server that is not configured any more")
	}
	if _, err := m.Registry().Gather(); err != nil {
		t.Errorf("a witness that is there twice spoils the scrape: %v", err)
	}
	_, after, _ := strings.Cut(text, "\nfailoverd_loop_last_run_timestamp_seconds ")
	number, _, _ := strings.Cut(after, "\n")
	seconds, err := strconv.ParseFloat(number, 64)
	if ago := time.Since(time.Unix(int64(seconds), 0)); err != nil || ago < time.Hour || ago > time.Hour+time.Minute {
		t.Errorf("the loop's last run was %s ago (%q), want an hour", ago, number)
	}
}

// Prometheus's own tool finds nothing to complain about.
func TestMetricsPleasePromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: %v (Debian package prometheus)", err)
		}
		t.Skip(err)
	}
	w := startWorld(t, Limits{})
	w.api.metrics.ObservePing("PBX", time.Millisecond)
	w.api.metrics.ObserveMiss("CRM")
	w.api.metrics.ObserveTakeover("CRM", "succeeded", time.Second)
	w.api.metrics.ObserveReplication("CRM", status.ToLive, "succeeded", time.Minute)
	w.api.metrics.ObserveDrill("CRM", "succeeded", time.Minute)
	check := func(text string) (string, error) {
		c := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		c.Stdin = strings.NewReader(text)
		var out bytes.Buffer
		c.Stdout, c.Stderr = &out, &out
		err := c.Run()
		return out.String(), err
	}
	if out, err := check(scrape(t, w)); err != nil || out != "" {
		t.Errorf("promtool: %v\n%s", err, out)
	}
	if _, err := check("failoverd_bad_total{} 1\nfailoverd_bad_total{} 2\n"); err == nil {
		t.Error("promtool finds nothing in broken metrics")
	}
}
