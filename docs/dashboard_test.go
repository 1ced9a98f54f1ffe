package docs_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is what of docs/grafana-dashboard.json matters here.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Definition string }
	}
	Panels []struct {
		ID      int
		Title   string
		GridPos struct{ H, W, X, Y int }
		Targets []struct{ Expr string }
	}
}

// expressions are what the dashboard asks Prometheus, as it does for all servers of all standbys.
func (d dashboard) expressions() []string {
	all := strings.NewReplacer("$instance", ".*", "$server", ".*", "$__rate_interval", "5m", "$__interval", "1m", "$__range", "1d")
	var list []string
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			list = append(list, all.Replace(t.Expr))
		}
	}
	return list
}

// TestDashboard has promtool read each expression of the dashboard, and looks for each metric in it among those that a
// scrape brings, and for each of its labels.
func TestDashboard(t *testing.T) {
	var d dashboard
	if err := json.Unmarshal([]byte(read(t, "docs/grafana-dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	expressions := d.expressions()
	if len(expressions) < 20 {
		t.Fatalf("only %d expressions", len(expressions))
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	for _, e := range expressions {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		rules.WriteString("      - {record: \"a:b\", expr: " + string(text) + "}\n")
	}
	if out, err := promtool(t.Context(), t, peer(t, "promtool"), []string{"check", "rules", "--lint=none"}, rules.String()); err != nil {
		t.Errorf("promtool: %v:\n%s", err, out)
	}

	labels := scraped(t)
	for _, v := range d.Templating.List {
		if v.Definition != "" {
			expressions = append(expressions, strings.TrimSuffix(strings.TrimPrefix(v.Definition, "label_values("), ")"))
		}
	}
	for _, e := range expressions {
		for _, wrong := range unknownMetrics(e, labels) {
			t.Errorf("%s: %s", e, wrong)
		}
	}

	ids := map[int]string{}
	for i, p := range d.Panels {
		if ids[p.ID] != "" {
			t.Errorf("panels %q and %q have the same id", ids[p.ID], p.Title)
		}
		ids[p.ID] = p.Title
		for _, o := range d.Panels[:i] {
			a, b := p.GridPos, o.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panels %q and %q lie on each other", p.Title, o.Title)
			}
		}
	}
}

// TestDashboardForGrafana has the dashboard read by Grafana's own types, strictly, and broken ones refused by them.
func TestDashboardForGrafana(t *testing.T) {
	tool := filepath.Join(t.TempDir(), "dashboard")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", "../tools", "-o", tool, "./dashboard").CombinedOutput(); err != nil {
		t.Fatalf("build tools/dashboard: %v:\n%s", err, out)
	}
	ours := read(t, "docs/grafana-dashboard.json")
	for _, c := range []struct {
		name, old, broken string // nothing: as it is
	}{
		{name: "as it is"},
		{"a key of a dashboard", `"editable": true`, `"editible": true`},
		{"a key of a panel", `"gridPos": {`, `"gridPosition": {`},
		{"a key of a question", `"expr": `, `"expression": `},
		{"a key of a panel's options", `"textMode": `, `"textmode": `},
		{"a key that has to be there", `"orientation": "auto"`, `"orientated": "auto"`},
		{"a kind of panel", `"type": "timeseries"`, `"type": "timeserie"`},
		{"a type", `"schemaVersion": 39`, `"schemaVersion": "39"`},
		{"a panel wider than the screen", `"w": 12`, `"w": 25`},
	} {
		text := strings.Replace(ours, c.old, c.broken, 1)
		if c.old != "" && text == ours {
			t.Fatalf("%s: there is no %s", c.name, c.old)
		}
		check := exec.CommandContext(t.Context(), tool)
		check.Stdin = strings.NewReader(text)
		out, err := check.CombinedOutput()
		if (err == nil) != (c.old == "") {
			t.Errorf("%s: %v: %s", c.name, err, out)
		}
	}
}

// unknownMetrics says which metrics or labels of an expression a scrape does not bring.
func unknownMetrics(expression string, labels map[string][]string) []string {
	var wrong []string
	for _, m := range regexp.MustCompile(`(failoverd_\w+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(expression, -1) {
		name := m[1]
		if _, ok := labels[name]; !ok {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				if base, cut := strings.CutSuffix(name, suffix); cut && labels[base] != nil {
					name = base
				}
			}
		}
		known, ok := labels[name]
		if !ok {
			wrong = append(wrong, m[1]+" is no metric")
			continue
		}
		for _, l := range regexp.MustCompile(`(\w+)=~?"`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "instance" && !slices.Contains(known, l[1]) {
				wrong = append(wrong, m[1]+" has no label "+l[1])
			}
		}
	}
	return wrong
}

func TestDashboardSeesWhatIsWrong(t *testing.T) {
	labels := map[string][]string{"failoverd_a": {"server"}, "failoverd_h": {"server"}}
	for expression, want := range map[string]int{
		`failoverd_a{instance="x",server="y"}`: 0, `rate(failoverd_h_bucket{server="y"}[5m])`: 0,
		`failoverd_b`: 1, `failoverd_a{tree="t"}`: 1, `failoverd_a_bucket_sum`: 1,
	} {
		if got := unknownMetrics(expression, labels); len(got) != want {
			t.Errorf("%s: %v, want %d", expression, got, want)
		}
	}
}
