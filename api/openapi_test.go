package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/journal"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

const specFile = "../docs/openapi.json"

// What is described in docs/ is what the code does.
func TestOpenAPIFileMatchesTheCode(t *testing.T) {
	w := startWorld(t, Limits{})
	res, served := w.call(http.MethodGet, "/openapi.json", "", "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/openapi+json" {
		t.Fatalf("GET /openapi.json: %s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(specFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(specFile, served, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatalf("%v; run go test ./api -run OpenAPI -update", err)
	}
	if diff := cmp.Diff(string(want), string(served)); diff != "" {
		t.Errorf("docs/openapi.json differs from the code; run go test ./api -run OpenAPI -update (-file +code):\n%s", diff)
	}
}

// Every route of the mux is described and every described route is there.
func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	w := startWorld(t, Limits{})
	var spec struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.api.OpenAPI(), &spec); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Errorf("openapi %q, want 3.1", spec.OpenAPI)
	}
	var described []string
	for path, methods := range spec.Paths {
		for method := range methods {
			for _, part := range strings.Split(path, "/") {
				if strings.HasPrefix(part, "{") && !bytes.Contains(spec.Paths[path][method], []byte(`"name": "`+strings.Trim(part, "{}")+`",`)) {
					t.Errorf("%s %s: the parameter %s is not described", method, path, part)
				}
			}
			described = append(described, strings.ToUpper(method)+" "+path)
			r, _ := http.NewRequest(strings.ToUpper(method), "http://x"+strings.NewReplacer("{name}", "PBX", "{id}", "1").Replace(path), nil)
			if _, pattern := w.api.mux.Handler(r); pattern != strings.ToUpper(method)+" "+path {
				t.Errorf("%s %s is described, the mux has %q", method, path, pattern)
			}
		}
	}
	want := map[string]bool{}
	for _, r := range allRoutes {
		want[r.method+" "+r.pattern] = true
	}
	for _, d := range described {
		if !want[d] {
			t.Errorf("%s is described, but no test of roles knows it: add it to allRoutes", d)
		}
		delete(want, d)
	}
	for d := range want {
		t.Errorf("%s is not described", d)
	}
}

// others runs a script of validators that nobody here wrote.
func others(t *testing.T, script string, files ...[]byte) ([]byte, error) {
	t.Helper()
	return othersWith(t, nil, script, files...)
}

// othersWith runs one with further arguments.
func othersWith(t *testing.T, further []string, script string, files ...[]byte) ([]byte, error) {
	t.Helper()
	const tool = "../tools/openapi"
	_, nodeErr := exec.LookPath("node")
	_, modulesErr := os.Stat(filepath.Join(tool, "node_modules"))
	if nodeErr != nil || modulesErr != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatalf("FAILOVERD_LAB=require: node: %v; node_modules: %v (npm ci in tools/openapi)", nodeErr, modulesErr)
		}
		t.Skip("node or tools/openapi/node_modules is not there: npm ci in tools/openapi")
	}
	args := []string{filepath.Join(tool, script)}
	for _, text := range files {
		f, err := os.CreateTemp(t.TempDir(), "*.json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		args = append(args, f.Name())
	}
	return exec.CommandContext(t.Context(), "node", append(args, further...)...).CombinedOutput()
}

// Others find the description valid, and would find a broken one invalid.
func TestOpenAPIIsValidForOthers(t *testing.T) {
	w := startWorld(t, Limits{})
	if out, err := others(t, "check.mjs", w.api.OpenAPI()); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for name, broken := range map[string][]byte{
		"unknown key":        bytes.Replace(w.api.OpenAPI(), []byte(`"operationId"`), []byte(`"operationIdentifier"`), 1),
		"dangling reference": bytes.Replace(w.api.OpenAPI(), []byte(`"#/components/schemas/Problem"`), []byte(`"#/components/schemas/Gone"`), 1),
	} {
		if out, err := others(t, "check.mjs", broken); err == nil {
			t.Errorf("%s: the validators find nothing: %s", name, out)
		}
	}
}

// answered is one answer, for answers.mjs.
type answered struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Status int             `json:"status"`
	Media  string          `json:"media"`
	Body   json.RawMessage `json:"body"`
}

// Every answer is as the description says, for a validator that nobody here
// wrote: with everything set that can be set, and with as little as possible.
func TestAnswersFitTheDescription(t *testing.T) {
	w := startWorld(t, Limits{})
	secret := w.token(Admin).Secret
	victim := w.token(Viewer).ID
	w.commit(tick(0, "PBX"))
	w.storeToken("fvt_known", func(*journal.Token) {})
	var all []answered
	for _, full := range []bool{false, true} {
		if full {
			w.standby.set(func(f *fakeStandby) { f.fill() })
		}
		for _, r := range allRoutes {
			if strings.HasSuffix(r.pattern, "/stream") || r.pattern == "/metrics" {
				continue
			}
			body := strings.Replace(r.body, `"n"`, fmt.Sprintf(`"full %v"`, full), 1)
			path := strings.NewReplacer("{name}", "PBX", "/operations/{id}", "/operations/op_PBX", "/tokens/{id}", "/tokens/"+victim).Replace(r.pattern)
			for _, query := range []string{"", "?dry_run=true", "?no=1"} {
				if query == "?dry_run=true" && !strings.HasSuffix(path, "/failover") && !strings.HasSuffix(path, "-live") {
					continue
				}
				res, answer := w.call(r.method, path+query, secret, body)
				if res.StatusCode == http.StatusNoContent || r.role == "" && query != "" || r.pattern == "/protected/{name}" && query != "" {
					continue
				}
				all = append(all, answered{strings.ToLower(r.method), r.pattern, res.StatusCode, res.Header.Get("Content-Type"), answer})
			}
		}
	}
	answers, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := others(t, "answers.mjs", w.api.OpenAPI(), answers); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for name, broken := range map[string][]byte{
		"a missing key": bytes.Replace(answers, []byte(`"generated_at"`), []byte(`"generated"`), 1),
		"a wrong type":  bytes.Replace(answers, []byte(`"changed":false`), []byte(`"changed":"no"`), 1),
	} {
		if out, err := others(t, "answers.mjs", w.api.OpenAPI(), broken); err == nil {
			t.Errorf("%s: the validator finds nothing: %s", name, out)
		}
	}
}

// The answers have the shape that the description promises: no key is missing.
func TestAnswersHaveTheDescribedKeys(t *testing.T) {
	w := startWorld(t, Limits{})
	var spec struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema struct {
						Ref string `json:"$ref"`
					} `json:"schema"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Required []string `json:"required"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.api.OpenAPI(), &spec); err != nil {
		t.Fatal(err)
	}
	secret := w.token(Admin).Secret
	w.call("POST", "/api/v1/servers/PBX/failover", secret, "{}")
	for path, methods := range spec.Paths {
		get, ok := methods["get"]
		if !ok || strings.HasSuffix(path, "/stream") || path == "/metrics" || path == "/openapi.json" {
			continue
		}
		res, answer := w.call(http.MethodGet, strings.NewReplacer("{name}", "PBX", "/incidents/{id}", "/incidents/"+anIncident().ID, "{id}", "op_PBX").Replace(path), secret, "")
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: %s: %s", path, res.Status, answer)
			continue
		}
		media := res.Header.Get("Content-Type")
		schema := strings.TrimPrefix(get.Responses["200"].Content[media].Schema.Ref, "#/components/schemas/")
		required := spec.Components.Schemas[schema].Required
		if len(required) == 0 {
			t.Errorf("GET %s: %s: the description has no schema with keys (%q)", path, media, schema)
		}
		var keys map[string]json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(answer)).Decode(&keys); err != nil && err != io.EOF {
			t.Errorf("GET %s: %v", path, err)
		}
		for _, k := range required {
			if _, ok := keys[k]; !ok {
				t.Errorf("GET %s has no %s", path, k)
			}
		}
		if len(keys) != len(required) {
			t.Errorf("GET %s has %d keys, %d are described", path, len(keys), len(required))
		}
	}
}

// Requests that a generator of others makes from the description get answers that a validator of others finds in it; none ends
// in an internal error, and what fits the description is not called malformed.
func TestFuzzedByOthers(t *testing.T) {
	w := startWorld(t, Limits{Rate: 1_000_000, Burst: 1_000_000})
	w.standby.set(func(f *fakeStandby) { f.fill() })
	w.commit(tick(0, "PBX"))
	w.call("POST", "/api/v1/servers/PBX/failover", w.token(Admin).Secret, "{}")
	known := `{"values": {"name": ["PBX", "CRM"], "id": ["op_PBX", "` + anIncident().ID + `"], "tree": ["vm"], "If-Match": ["\"0\""]}}`
	out, err := othersWith(t, []string{w.socket, known, "20261129"}, "fuzz.mjs", w.api.OpenAPI())
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("%s", out)
}
