package journal

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"
)

// How long probe history is kept, by the length of its buckets.
const (
	minuteBuckets = 48 * time.Hour
	hourBuckets   = 400 * 24 * time.Hour
)

// bucketsAtOnce is how many buckets one transaction adds, so that no Commit waits long for it.
const bucketsAtOnce = 25

// Bucket sums up the probes of one path within one step of time. The times of round trips are over
// the answered ones only; MinRTT is 0 when there was none.
type Bucket struct {
	Server  string        `json:"server"`
	Path    int           `json:"path"`
	Start   time.Time     `json:"start"`
	Step    time.Duration `json:"step"`
	Sent    int           `json:"sent"`
	Lost    int           `json:"lost"`
	Late    int           `json:"late"`
	Unknown int           `json:"unknown"`
	MinRTT  time.Duration `json:"min_rtt"`
	SumRTT  time.Duration `json:"sum_rtt"`
	MaxRTT  time.Duration `json:"max_rtt"`
}

// AddBuckets adds to the history of the minute and of the hour that each bucket starts in, merging with
// what is there. Callers give what is new since the last call. It is stored in small transactions:
// after an error some may have been added, which costs no more than a wrong point in a chart.
func (j *Journal) AddBuckets(ctx context.Context, buckets []Bucket) error {
	for part := range slices.Chunk(buckets, bucketsAtOnce) {
		err := j.write(ctx, func(tx *transaction) error {
			for _, b := range part {
				for _, step := range []time.Duration{time.Minute, time.Hour} {
					_, err := tx.Stmt(tx.prepared.addBucket).Exec(b.Server, b.Path, int64(step), nanos(b.Start.Truncate(step)),
						b.Sent, b.Lost, b.Late, b.Unknown, int64(b.MinRTT), int64(b.SumRTT), int64(b.MaxRTT))
					if err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("add to the probe history: %w", err)
		}
	}
	return nil
}

// Buckets returns the probe history of a server from (inclusive) to (exclusive), in order of time and path,
// summed up to steps of the given length. Where minutes are asked for that are not kept any more,
// or the step is an hour or longer, the buckets are of whole hours; Step says which.
func (j *Journal) Buckets(ctx context.Context, server string, from, to time.Time, step time.Duration) ([]Bucket, error) {
	source := time.Minute
	if step >= time.Hour || time.Since(from) > minuteBuckets {
		source = time.Hour
	}
	step = max(step.Truncate(source), source)
	// Buckets are cut where the first begins, so that the first is as long as the others.
	from = from.Truncate(step)
	scan := func(row *sql.Rows) (Bucket, error) {
		b := Bucket{Server: server, Step: step}
		var start int64
		err := row.Scan(&b.Path, &start, &b.Sent, &b.Lost, &b.Late, &b.Unknown, &b.MinRTT, &b.SumRTT, &b.MaxRTT)
		b.Start = moment(start)
		return b, err
	}
	// Truncate counts from the year 1, SQL from 1970; counting from the first bucket avoids the difference.
	buckets, err := collect(ctx, j.reader, scan, `SELECT path, ?1 + (start - ?1) / ?2 * ?2 AS begin,
		sum(sent), sum(lost), sum(late), sum(unknown), coalesce(min(nullif(min_rtt, 0)), 0), sum(sum_rtt), max(max_rtt)
		FROM buckets WHERE server = ?3 AND step = ?4 AND start >= ?1 AND start < ?5
		GROUP BY begin, path ORDER BY begin, path`, nanos(from), int64(step), server, int64(source), nanos(to))
	if err != nil {
		return nil, fmt.Errorf("read the probe history of %s: %w", server, err)
	}
	return buckets, nil
}
