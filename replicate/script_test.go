package replicate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScript(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fix.sql")
	v := Values{Server: "pbx", Catalog: "CTSERVER", Copy: "pbx_CTSERVER", Standby: "spare", DataDir: "/data/pbx"}
	for name, c := range map[string]struct{ text, want, wrong string }{
		"values":     {"UPDATE {{.Catalog}} SET host = '{{.Standby}}', dir = '{{.DataDir}}', n = '{{.Copy}} {{.Server}}'", "UPDATE CTSERVER SET host = 'spare', dir = '/data/pbx', n = 'pbx_CTSERVER pbx'", ""},
		"no value":   {"{{.Password}}", "", "Password"},
		"not closed": {"{{.Server", "", "unclosed"},
		"too large":  {strings.Repeat("x", maxScript+1), "", "larger than 1 MiB"},
		"grows":      {"{{range $i := 2000}}" + strings.Repeat("x", 1000) + "{{end}}", "", "grows beyond"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := script(path, v)
		switch {
		case c.wrong == "" && (err != nil || got != c.want):
			t.Errorf("%s: %q, %v", name, got, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := script(path+".not", v); err == nil {
		t.Error("a script that is not there")
	}
}
