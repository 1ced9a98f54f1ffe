package plan

import "context"

// measureKey is under what a step's context holds its record.
type measureKey struct{}

// Measure notes how much data the step that ctx was given to has moved. It is for the step's Do, and for no other
// goroutine: the record belongs to the runner again when Do returns.
func Measure(ctx context.Context, bytes, rows int64) {
	if d, ok := ctx.Value(measureKey{}).(*Done); ok {
		d.Bytes, d.Rows = bytes, rows
	}
}
