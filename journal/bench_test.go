package journal

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// typicalBatch is what one transition of the state machine stores.
func typicalBatch() Batch {
	return Batch{
		Events: []Event{
			{
				Kind: "server.failure", Severity: Critical, Server: "pbx1", Incident: "INC-1", Message: "pbx1 does not answer: 15 of 15 pings lost",
				Reason: "15 consecutive misses", Actor: Actor{Kind: "automatic"}, Evidence: map[string]any{"misses": 15, "witness": "192.168.11.254 answered"},
			},
			{Kind: "decision.takeover", Severity: Critical, Server: "pbx1", Incident: "INC-1", Message: "taking over pbx1", Actor: Actor{Kind: "automatic"}},
		},
		Facts:      map[string]json.RawMessage{"pbx1": json.RawMessage(`{"mode":"active","health":"failure","pad":"` + strings.Repeat("x", 400) + `"}`)},
		Operations: []Operation{{ID: "op-1", Kind: "takeover", Server: "pbx1", Open: true, Body: json.RawMessage(`{"steps":["` + strings.Repeat("y", 800) + `"]}`)}},
	}
}

func BenchmarkCommit(b *testing.B) {
	j := open(b, b.TempDir(), Options{})
	ctx := b.Context()
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := j.Commit(ctx, typicalBatch()); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}
