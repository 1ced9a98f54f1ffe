package docs_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"failoverd/api"
	"failoverd/status"
)

// TestForPrometheus has promtool read the rules and the configuration that are shown.
func TestForPrometheus(t *testing.T) {
	tool := peer(t, "promtool")
	checks := map[string][]string{
		"yaml alert rules":              {"check", "rules"},
		"yaml prometheus configuration": {"check", "config", "--syntax-only"},
	}
	blocks, _ := split(read(t, "docs/monitoring.md"))
	for _, b := range blocks {
		args, ok := checks[b.info]
		if !ok {
			continue
		}
		delete(checks, b.info)
		if out, err := promtool(t.Context(), t, tool, args, b.text); err != nil {
			t.Errorf("promtool %s: %v:\n%s", strings.Join(args, " "), err, out)
		}
		if _, err := promtool(t.Context(), t, tool, args, b.text+"nonsense: 1\n"); err == nil {
			t.Errorf("promtool %s accepts nonsense", strings.Join(args, " "))
		}
	}
	if len(checks) > 0 {
		t.Errorf("docs/monitoring.md does not show %v", checks)
	}
}

// TestAlertRules plays testdata/rules_test.yaml: what fires, and what does not.
func TestAlertRules(t *testing.T) {
	tool := peer(t, "promtool")
	blocks, _ := split(read(t, "docs/monitoring.md"))
	for _, b := range blocks {
		if b.info != "yaml alert rules" {
			continue
		}
		text, err := os.ReadFile("testdata/rules_test.yaml")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for name, content := range map[string]string{"rules.yaml": b.text, "rules_test.yaml": string(text)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		command := exec.CommandContext(t.Context(), tool, "test", "rules", "rules_test.yaml")
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		return
	}
	t.Error("docs/monitoring.md shows no alert rules")
}

// promtool runs one of its checks on a text.
func promtool(ctx context.Context, t *testing.T, tool string, args []string, text string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, tool, append(slices.Clone(args), file)...).CombinedOutput()
	return string(out), err
}

// still is a standby of which one of everything is to be seen.
type still struct{ api.Standby }

func (still) LoopAge() time.Duration { return 0 }

func (still) Snapshot() status.Snapshot {
	rtt, age, free := 0.001, 3600.0, int64(1)
	return status.Snapshot{
		Servers: []status.Server{{
			Name: "A", Paths: []status.Path{{Address: "10.0.0.1", RTT: &rtt}},
			Copies: []status.Copy{{Catalog: "B", Age: &age, MaxAge: &age, Space: &status.Space{Free: &free}}},
			Trees:  []status.Tree{{Name: "T", Lag: &age, Bytes: 1}},
			Drills: &status.Drills{Age: &age, MaxAge: &age},
		}},
		Standby: status.Standby{Witnesses: []status.Witness{{Address: "10.0.0.254", Kind: "gateway"}}},
	}
}

// scrape is what a scrape brings when everything has happened once.
func scrape(t *testing.T) []*dto.MetricFamily {
	t.Helper()
	metrics := api.NewMetrics("test")
	if _, err := api.New(api.Config{Standby: still{}, History: struct{ api.History }{}, Metrics: metrics}); err != nil {
		t.Fatal(err)
	}
	metrics.ObservePing("A", time.Millisecond)
	metrics.ObserveMiss("A")
	metrics.ObserveDecision(time.Millisecond)
	metrics.ObserveTakeover("A", "succeeded", time.Second)
	metrics.ObserveFailback("A", "succeeded", time.Second)
	metrics.ObserveHandover("A", "succeeded", time.Second)
	metrics.ObserveReplication("A", status.FromLive, "succeeded", time.Second)
	metrics.ObserveDrill("A", "succeeded", time.Second)
	metrics.ObserveHeartbeat(true)
	families, err := metrics.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool { return !strings.HasPrefix(f.GetName(), "failoverd_") })
}

// labelsOf are the labels of a metric.
func labelsOf(f *dto.MetricFamily) []string {
	labels := []string{}
	for _, l := range f.GetMetric()[0].GetLabel() {
		labels = append(labels, l.GetName())
	}
	return labels
}

// scraped are the labels of every metric that a scrape brings.
func scraped(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, f := range scrape(t) {
		found[f.GetName()] = labelsOf(f)
	}
	return found
}

// TestMetricsTable holds the table of metrics against what a scrape brings, and the names in the alert rules as well.
func TestMetricsTable(t *testing.T) {
	var want, names []string
	for _, f := range scrape(t) {
		var labels []string
		for _, l := range labelsOf(f) {
			labels = append(labels, "`"+l+"`")
		}
		slices.Sort(labels)
		names = append(names, f.GetName())
		want = append(want, "`"+f.GetName()+"` | "+strings.ToLower(f.GetType().String())+" | "+strings.Join(labels, ", "))
	}
	document := read(t, "docs/monitoring.md")
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`failoverd_\\w+`) \\| (\\w+) \\| ([^|]*?) ?\\|").FindAllStringSubmatch(document, -1) {
		labels := strings.Split(row[3], ", ")
		slices.Sort(labels)
		got = append(got, row[1]+" | "+row[2]+" | "+strings.Join(labels, ", "))
	}
	same(t, "metrics in docs/monitoring.md", want, got)
	for _, name := range regexp.MustCompile(`failoverd_\w+`).FindAllString(document, -1) {
		if !slices.Contains(names, name) {
			t.Errorf("docs/monitoring.md speaks of %s, which is no metric", name)
		}
	}
}
