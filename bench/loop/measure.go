package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"
)

// settling is how long the load goes on before it is measured.
const settling = 5 * time.Second

// limit is what 99 of 100 decisions may take.
const limit = 10 * time.Millisecond

// result is what one run brought.
type result struct {
	events    float64 // a second
	decisions *dto.Histogram
	late      []time.Duration // of pings behind their beat
	missing   int             // beats without a ping
	excess    []time.Duration // of announcements
	delivered []time.Duration
	behind    int64
	copied    int64
	uncopied  int64
	broken    int64
	mails     int
	cpu       float64 // cores
	rss       float64 // bytes
	unknown   int     // pings that the daemon itself was too late to judge
}

// measure builds the world, and prints what each run brought.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (err error) {
	w, err := newWorld(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	heard, err := listen(w.primaries)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, heard.close()) }()
	fmt.Fprintln(stderr, "the daemon starts, and makes the first copies of those who are going to die")
	if err := w.start(ctx); err != nil {
		return err
	}
	if err := w.firstCopies(ctx); err != nil {
		return err
	}
	busy, rest := context.WithCancel(ctx)
	l, err := w.begin(busy)
	defer func() {
		rest()
		if l != nil {
			err = errors.Join(err, l.end())
		}
	}()
	if err != nil {
		return err
	}
	if err := wait(ctx, settling); err != nil {
		return err
	}
	var results []result
	for run := range o.runs {
		fmt.Fprintf(stderr, "run %d of %d, %s\n", run+1, o.runs, o.duration)
		// Who dies stays dead: each run has others.
		first, last := run*o.deaths/o.runs, (run+1)*o.deaths/o.runs
		r, err := w.once(ctx, l, heard, first, last)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	table(o, results, stdout)
	return nil
}

// once is one run, in which the primaries from first to before last die.
func (w *world) once(ctx context.Context, l *load, heard *wire, first, last int) (r result, err error) {
	before, err := w.scrape(ctx)
	if err != nil {
		return r, err
	}
	began, err := w.client.Status(ctx)
	if err != nil {
		return r, err
	}
	at := time.Now()
	copied, uncopied := l.copied.Load(), l.uncopied.Load()
	heard.clear()
	l.take()
	for i := first; i < last; i++ {
		excess, err := w.die(ctx, heard, servers-mortal+i)
		if err != nil {
			return r, err
		}
		r.excess = append(r.excess, excess)
		if err := wait(ctx, w.duration/time.Duration(2*(last-first))); err != nil {
			return r, err
		}
	}
	if err := wait(ctx, w.duration-time.Since(at)); err != nil {
		return r, err
	}
	took := time.Since(at).Seconds()
	now, err := w.client.Status(ctx)
	if err != nil {
		return r, err
	}
	reached, err := l.readers.look()
	if err != nil {
		return r, err
	}
	r.behind, r.broken = max(now.Seq-reached.Last, 0), reached.Broken
	after, err := w.scrape(ctx)
	if err != nil {
		return r, err
	}
	var flapping []netip.Addr
	for i := range servers - mortal {
		flapping = append(flapping, address(i))
	}
	r.late, r.missing = heard.beats(flapping)
	slices.Sort(r.late)
	r.events = float64(now.Seq-began.Seq) / took
	r.delivered, r.mails = l.take(), now.Standby.Mail.Pending
	r.copied, r.uncopied = l.copied.Load()-copied, l.uncopied.Load()-uncopied
	r.decisions = minus(after, before, "failoverd_decision_seconds")
	r.cpu = (value(after, "process_cpu_seconds_total") - value(before, "process_cpu_seconds_total")) / took
	r.rss = value(after, "process_resident_memory_bytes")
	log, err := os.ReadFile(w.logFile())
	r.unknown = bytes.Count(log, []byte("the standby itself was"))
	return r, err
}

// die has one primary die, and says how long after the inevitable time its address was announced.
func (w *world) die(ctx context.Context, heard *wire, i int) (excess time.Duration, err error) {
	a := address(i)
	if err := wait(ctx, rand.N(2*beat)); err != nil {
		return 0, err
	}
	rules := fmt.Sprintf("add element inet loop dead { %s }\nadd element arp loop dead { %s }\n", a, a)
	if err := w.firewall(ctx, rules); err != nil {
		return 0, err
	}
	var at time.Time
	err = w.until(ctx, name(i)+" to be taken over", func() (done bool) {
		at, done = heard.announcedAt(a)
		return done
	})
	return at.Sub(heard.lastAnswered(a).Add(mortalFailAfter*beat + timeout)), err
}

// scrape reads the daemon's metrics.
func (w *world) scrape(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", w.socket())
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://failoverd/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(answer.Body)
}

// value is a number without labels.
func value(m map[string]*dto.MetricFamily, name string) float64 {
	f := m[name]
	if f == nil {
		return math.NaN()
	}
	one := f.GetMetric()[0]
	return one.GetCounter().GetValue() + one.GetGauge().GetValue()
}

// minus is what a histogram counted in between.
func minus(after, before map[string]*dto.MetricFamily, name string) *dto.Histogram {
	h := after[name].GetMetric()[0].GetHistogram()
	old := before[name].GetMetric()[0].GetHistogram()
	count := h.GetSampleCount() - old.GetSampleCount()
	h.SampleCount = &count
	for i, b := range h.GetBucket() {
		n := b.GetCumulativeCount() - old.GetBucket()[i].GetCumulativeCount()
		b.CumulativeCount = &n
	}
	return h
}

// within is the bound of a histogram below which that share of it is; infinite if it has none.
func within(h *dto.Histogram, share float64) time.Duration {
	for _, b := range h.GetBucket() {
		if float64(b.GetCumulativeCount()) >= share*float64(h.GetSampleCount()) {
			return time.Duration(b.GetUpperBound() * float64(time.Second))
		}
	}
	return math.MaxInt64
}

// beyond is how many were later than d, which is a bound of the histogram.
func beyond(h *dto.Histogram, d time.Duration) uint64 {
	for _, b := range h.GetBucket() {
		if b.GetUpperBound() >= d.Seconds() {
			return h.GetSampleCount() - b.GetCumulativeCount()
		}
	}
	return 0
}

// at is the value below which that share of a sorted list is.
func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// table prints the runs in Markdown.
func table(o options, results []result, out io.Writer) {
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	version, _ := exec.Command(o.binary, "version").Output() //nolint:gosec // It is the program that is measured.
	first, _, _ := strings.Cut(string(version), "\n")
	fmt.Fprintf(out, "\n%s; %d cores, Linux %s, %s\n", first, runtime.NumCPU(), strings.TrimSpace(string(kernel)), runtime.Version())
	fmt.Fprintf(out, "%d servers at a beat of %s, %d %% of the pings lost, %d event streams, %d replications at a time\n\n", servers, beat, o.loss, o.streams, o.replicating)
	fmt.Fprintln(out, "| run | events a second | decisions | half of them within (ms) | 99 of 100 within (ms) | later than 10 ms, 25 ms, 100 ms | pings | behind their beat: p50, p99, most (ms) | beats without a ping |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	met := true
	for i, r := range results {
		h := r.decisions
		met = met && within(h, 0.99) <= limit && r.missing == 0 && r.unknown == 0
		fmt.Fprintf(out, "| %d | %.0f | %d | %g | %g | %d, %d, %d | %d | %.2f, %.2f, %.1f | %d |\n", i+1, r.events, h.GetSampleCount(),
			ms(within(h, 0.5)), ms(within(h, 0.99)), beyond(h, limit), beyond(h, 25*time.Millisecond), beyond(h, 100*time.Millisecond),
			len(r.late), ms(at(r.late, 0.5)), ms(at(r.late, 0.99)), ms(at(r.late, 1)), r.missing)
	}
	fmt.Fprintln(out, "\n| run | dead primaries | announced after the inevitable time: least, median, most (ms) | event to a reader: p50, p99 (ms) | furthest stream behind (events) | streams broken | replications, not done | mails waiting | processor (cores) | memory (MiB) | pings it was too late to judge |")
	fmt.Fprintln(out, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for i, r := range results {
		slices.Sort(r.excess)
		fmt.Fprintf(out, "| %d | %d | %.1f, %.1f, %.1f | %.1f, %.1f | %d | %d | %d, %d | %d | %.2f | %.1f | %d |\n", i+1, len(r.excess),
			ms(at(r.excess, 0)), ms(at(r.excess, 0.5)), ms(at(r.excess, 1)), ms(at(r.delivered, 0.5)), ms(at(r.delivered, 0.99)),
			r.behind, r.broken, r.copied, r.uncopied, r.mails, r.cpu, r.rss/(1<<20), r.unknown)
	}
	verdict := "met"
	if !met {
		verdict = "not met"
	}
	fmt.Fprintf(out, "\n99 of 100 decisions within %s, and no beat or time-out that was passed over: %s\n", limit, verdict)
}

// wait waits, or says that it was interrupted.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
