package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"failoverd/journal"
)

// ProbeHistory is the pings of one server in steps of time.
type ProbeHistory struct {
	Server  string        `json:"server"`
	From    time.Time     `json:"from"`
	To      time.Time     `json:"to"`
	Step    float64       `json:"step_s" doc:"Length of a bucket; what was asked for, or the nearest that is possible"`
	Buckets []ProbeBucket `json:"buckets" nullable:"false" doc:"In order of time and path"`
}

// ProbeBucket is what became of the pings of one path in one step.
type ProbeBucket struct {
	Start   time.Time `json:"start"`
	Path    int       `json:"path" doc:"Index in the server's paths"`
	Address string    `json:"address" doc:"Of the path, empty if it is no longer configured"`
	Sent    int       `json:"sent"`
	Lost    int       `json:"lost"`
	Late    int       `json:"late" doc:"Answered after the time-out; counted as lost"`
	Unknown int       `json:"unknown" doc:"Could not be asked"`
	MinRTT  *float64  `json:"rtt_min_s" doc:"Null if none was answered"`
	MeanRTT *float64  `json:"rtt_mean_s"`
	MaxRTT  *float64  `json:"rtt_max_s"`
}

// probeRoutes are the round-trip times.
func (s *Server) probeRoutes(h huma.API) {
	add(s, h, route{
		method: http.MethodGet, path: "/servers/{name}/probes", id: "get-probes", tag: "servers", role: Viewer,
		summary: "Round-trip times and losses in buckets",
		detail: "Minutes are kept for 48 hours, hours for 400 days; the nearest step that is kept is chosen, and a longer one where there would be more than 5000 buckets of a path. " +
			"By default the last hour in minutes. There is nothing from an end on.",
	},
		func(ctx context.Context, in *struct {
			Name string    `path:"name" minLength:"1" maxLength:"253" doc:"Name of the server"`
			From time.Time `query:"from" doc:"Beginning, by default an hour before the end"`
			To   time.Time `query:"to" doc:"End, by default now"`
			Step string    `query:"step" maxLength:"20" default:"1m" pattern:"^([0-9]{1,4}h([0-9]{1,5}m)?([0-9]{1,7}s)?|[0-9]{1,5}m([0-9]{1,7}s)?|[0-9]{1,7}s)$" patternDescription:"a length of time: 1m, 15m, 1h" doc:"Length of a bucket: 1m, 15m, 1h; at least 1m, at most 744h"`
		},
		) (*document[ProbeHistory], error) {
			found, err := s.server(in.Name)
			if err != nil {
				return nil, err
			}
			step, err := time.ParseDuration(in.Step)
			if err != nil {
				return nil, invalid("query.step", "a length of time: 1m, 15m, 1h")
			}
			if in.To.IsZero() {
				in.To = time.Now()
			}
			if in.From.IsZero() {
				in.From = in.To.Add(-time.Hour)
			}
			step = stepFor(in.From, in.To, step)
			buckets, err := s.history.Buckets(ctx, in.Name, in.From, in.To, step)
			if err != nil {
				return nil, err
			}
			history := ProbeHistory{Server: in.Name, From: in.From, To: in.To, Step: step.Seconds(), Buckets: []ProbeBucket{}}
			for _, b := range buckets {
				history.Step = b.Step.Seconds()
				shown := bucket(b)
				if b.Path >= 0 && b.Path < len(found.Paths) {
					shown.Address = found.Paths[b.Path].Address
				}
				history.Buckets = append(history.Buckets, shown)
			}
			return &document[ProbeHistory]{history}, nil
		})
}

// How long a bucket is at least and at most, and how many of them there are at most in one answer, of each path.
const (
	shortestStep = time.Minute
	longestStep  = 31 * 24 * time.Hour
	mostBuckets  = 5000
)

// stepFor is the length of a bucket that is nearest to the one that is asked for.
func stepFor(from, to time.Time, asked time.Duration) time.Duration {
	step := min(max(asked, shortestStep), longestStep)
	if least := to.Sub(from) / mostBuckets; step < least {
		step = (least + shortestStep - 1).Truncate(shortestStep)
	}
	return step
}

// bucket is a bucket of the journal in the words of the API.
func bucket(b journal.Bucket) ProbeBucket {
	shown := ProbeBucket{Start: b.Start, Path: b.Path, Sent: b.Sent, Lost: b.Lost, Late: b.Late, Unknown: b.Unknown}
	if answered := b.Sent - b.Lost - b.Unknown; answered > 0 {
		lowest, mean, highest := b.MinRTT.Seconds(), (b.SumRTT / time.Duration(answered)).Seconds(), b.MaxRTT.Seconds()
		shown.MinRTT, shown.MeanRTT, shown.MaxRTT = &lowest, &mean, &highest
	}
	return shown
}
