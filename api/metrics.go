package api

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"failoverd/status"
)

// Metrics are the numbers for Prometheus. What stands is read from one snapshot
// at each scrape; what happens is told by the Observe methods, which may be
// called from several goroutines.
type Metrics struct {
	registry  *prometheus.Registry
	version   string
	rtt       *prometheus.HistogramVec
	misses    *prometheus.CounterVec
	decision  prometheus.Histogram
	takeover  *prometheus.HistogramVec
	takeovers *prometheus.CounterVec
	copying   *prometheus.HistogramVec
	drilling  *prometheus.HistogramVec
	failbacks *prometheus.CounterVec
	stop      *prometheus.HistogramVec
	handovers *prometheus.CounterVec
	handing   *prometheus.HistogramVec
	beats     *prometheus.CounterVec

	mu    sync.Mutex
	known map[string]struct{} // servers that rtt and misses have series of
}

// NewMetrics returns metrics with a registry of their own.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), version: version, known: map[string]struct{}{},
		rtt: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failoverd_ping_rtt_seconds", Help: "Round-trip times of answered pings.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"server"}),
		misses: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "failoverd_misses_total", Help: "Pings that were not answered in time.",
		}, []string{"server"}),
		decision: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "failoverd_decision_seconds", Help: "From the time-out of a missed ping until what it means was decided and written down.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
		takeover: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failoverd_takeover_seconds", Help: "How long takeovers took, from the decision to their end.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
		}, []string{"server"}),
		takeovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "failoverd_takeovers_total", Help: "Takeovers that have ended, by their result.",
		}, []string{"server", "result"}),
		beats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "failoverd_heartbeats_total", Help: "Heartbeats that were due, by their result.",
		}, []string{"result"}),
		copying: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failoverd_replication_duration_seconds", Help: "How long replications took that have ended, their wait for a turn included.",
			Buckets: []float64{1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800},
		}, []string{"server", "kind", "result"}),
		drilling: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failoverd_drill_duration_seconds", Help: "How long drills took that came to their end.",
			Buckets: []float64{.1, .5, 1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800},
		}, []string{"server", "result"}),
		failbacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "failoverd_failbacks_total", Help: "Failbacks that have ended, by their result.",
		}, []string{"server", "result"}),
		stop: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "failoverd_failback_stop_seconds", Help: "How long nobody served in the final stop of failbacks that have succeeded.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200},
		}, []string{"server"}),
	}
	m.handovers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "failoverd_handovers_total", Help: "Hand-overs that have ended, by their result.",
	}, []string{"server", "result"})
	m.handing = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "failoverd_handover_stop_seconds", Help: "How long nobody served in the final stop of hand-overs that have succeeded.",
		Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200},
	}, []string{"server"})
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObservePing counts an answered ping.
func (m *Metrics) ObservePing(server string, rtt time.Duration) {
	m.note(server)
	m.rtt.WithLabelValues(server).Observe(rtt.Seconds())
}

// ObserveMiss counts a ping that was not answered in time.
func (m *Metrics) ObserveMiss(server string) {
	m.note(server)
	m.misses.WithLabelValues(server).Inc()
}

// ObserveDecision counts a missed ping that was decided about. Took is the time from the time-out of the ping until what
// it means was on disk.
func (m *Metrics) ObserveDecision(took time.Duration) { m.decision.Observe(took.Seconds()) }

// ObserveTakeover counts a takeover that has ended. The result is a state of
// plan.Record: succeeded, partial, undone, failed, cancelled.
func (m *Metrics) ObserveTakeover(server, result string, took time.Duration) {
	m.note(server)
	m.takeovers.WithLabelValues(server, result).Inc()
	m.takeover.WithLabelValues(server).Observe(took.Seconds())
}

// ObserveFailback counts a failback that has ended. The result is a state of plan.Record; stop is how long nobody served,
// zero if it did not come to that.
func (m *Metrics) ObserveFailback(server, result string, stop time.Duration) {
	m.note(server)
	m.failbacks.WithLabelValues(server, result).Inc()
	if stop > 0 {
		m.stop.WithLabelValues(server).Observe(stop.Seconds())
	}
}

// ObserveHandover counts a hand-over that has ended. The result is a state of plan.Record; stop is how long nobody served,
// zero if it did not come to that.
func (m *Metrics) ObserveHandover(server, result string, stop time.Duration) {
	m.note(server)
	m.handovers.WithLabelValues(server, result).Inc()
	if stop > 0 {
		m.handing.WithLabelValues(server).Observe(stop.Seconds())
	}
}

// ObserveReplication counts a replication that has ended. The kind is one of
// status.FromLive, ToLive and RollBack, the result a state of plan.Record.
func (m *Metrics) ObserveReplication(server, kind, result string, took time.Duration) {
	m.note(server)
	m.copying.WithLabelValues(server, kind, result).Observe(took.Seconds())
}

// ObserveDrill counts a drill that came to its end. The result is a state of plan.Record.
func (m *Metrics) ObserveDrill(server, result string, took time.Duration) {
	m.note(server)
	m.drilling.WithLabelValues(server, result).Observe(took.Seconds())
}

// ObserveHeartbeat counts a heartbeat that was due, and whether it was heard.
func (m *Metrics) ObserveHeartbeat(heard bool) {
	result := "heard"
	if !heard {
		result = "failed"
	}
	m.beats.WithLabelValues(result).Inc()
}

// observed are the numbers of what happens.
func (m *Metrics) observed() []prometheus.Collector {
	return []prometheus.Collector{m.rtt, m.misses, m.decision, m.takeover, m.takeovers, m.copying, m.drilling, m.failbacks, m.stop, m.handovers, m.handing, m.beats}
}

// note remembers that there are series of the server.
func (m *Metrics) note(server string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.known[server] = struct{}{}
}

// forget drops the series of servers that are no longer configured.
func (m *Metrics) forget(now []status.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	configured := make(map[string]struct{}, len(now))
	for _, s := range now {
		configured[s.Name] = struct{}{}
	}
	for name := range m.known {
		if _, ok := configured[name]; !ok {
			delete(m.known, name)
			label := prometheus.Labels{"server": name}
			m.rtt.DeletePartialMatch(label)
			m.misses.DeletePartialMatch(label)
			m.takeover.DeletePartialMatch(label)
			m.takeovers.DeletePartialMatch(label)
			m.copying.DeletePartialMatch(label)
			m.drilling.DeletePartialMatch(label)
			m.failbacks.DeletePartialMatch(label)
			m.stop.DeletePartialMatch(label)
			m.handovers.DeletePartialMatch(label)
			m.handing.DeletePartialMatch(label)
		}
	}
}

// watch makes the snapshot of the standby a part of every scrape.
func (m *Metrics) watch(s Standby) error {
	if err := m.registry.Register(&snapshotCollector{standby: s, metrics: m, series: newSeries()}); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// watchSessions makes the number of signed-in browsers a part of every scrape.
func (m *Metrics) watchSessions(s *sessions) error {
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "failoverd_console_sessions", Help: "Browsers that are signed in to the console.",
	}, func() float64 { return float64(s.number(time.Now())) })
	if err := m.registry.Register(open); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Registry is where others may register, and where tests gather.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// serve answers a scrape.
func (m *Metrics) serve(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// buildLabels are the constant labels of failoverd_build_info.
func (m *Metrics) buildLabels() []string { return []string{m.version, runtime.Version()} }
