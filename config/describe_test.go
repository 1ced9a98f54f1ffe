package config

import (
	"bytes"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	for name, text := range map[string]string{
		"reference": string(reference),
		"small":     "standby: {name: s, interface: lo, witnesses: [], settle: 0s, capacity: 2}\nservers: [{name: A, address: 127.0.0.2, ping: {interval: 100ms, timeout: 90ms, warn_after: 1, fail_after: 3, fail_after_reboot: 3}, takeover: {mode: manual, on_conflict: seize, on_claim: yield, on_failure: keep}}]",
	} {
		var got bytes.Buffer
		mustParse(t, text).Describe(&got)
		path := "testdata/describe/" + name + ".txt"
		if *update {
			must(t, os.MkdirAll("testdata/describe", 0o755))
			must(t, os.WriteFile(path, got.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		must(t, err)
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
