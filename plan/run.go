package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrCancelled is the cause of a context that ended because an operator
// cancelled the operation. A plan that is cancelled undoes what it did.
var ErrCancelled = errors.New("cancelled")

// ErrInterrupted is the cause of a context that ended because the daemon is
// stopping. A plan that is interrupted stays open in the journal, neither
// finished nor undone, and is taken up again at the next start.
var ErrInterrupted = errors.New("interrupted: failoverd is stopping")

// timeout is the bound of Do and of Undo.
func (s Step) timeout() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return DefaultTimeout
}

// durable reports whether the step's beginning has to be on disk before it is
// done. What can be undone must be: a crash would leave it behind, unknown.
func (s Step) durable() bool { return s.Durable || s.Undo != nil }

// New returns the record of a plan that has not started.
func New(p Plan, id string, by Actor, reason string, accept []string, now time.Time) Record {
	r := Record{
		ID: id, Kind: p.Kind, Server: p.Server, State: Queued,
		By: by, Reason: reason, Accept: append([]string{}, accept...), Started: now,
		Steps: make([]Done, len(p.Steps)),
	}
	for i, s := range p.Steps {
		r.Steps[i] = Done{Name: s.Name, Title: s.Title, State: Queued}
	}
	return r
}

// Run carries the plan out, from the beginning or from where r says that an
// earlier run stood, and returns the finished record.
//
// The beginning of every durable step is on disk before the step is done, and
// so is the end of the plan before Run returns. A step that fails ends the
// plan: the steps begun so far are undone, last first, or kept, as the plan
// says. The returned error is the cause; the record says what became of each
// step. If the record cannot be written before a durable step, the step is not
// done and the plan fails there, because what was done and cannot be
// remembered could never be undone.
//
// A record that says that the operation was being undone is undone to its end.
func Run(ctx context.Context, p Plan, r Record, rec Recorder) (Record, error) {
	if err := matches(p, r); err != nil {
		return r, err
	}
	run := runner{plan: p, record: r.clone(), rec: rec}
	if r.State == Cancelling {
		return run.undo(ctx, earlier(r))
	}
	return run.forward(ctx)
}

// Begin returns the record of a plan that has not started, with its first steps
// noted as begun, up to and with the first durable one. Whoever writes down that
// the operation is to be done writes this record, and has it run by RunBegun:
// the operation and its beginning then cost one write to the disk and not two,
// on a way where somebody's users wait.
func Begin(p Plan, r Record) Record {
	r = r.clone()
	r.State = Running
	for i, s := range p.Steps {
		r.Steps[i].State, r.Steps[i].Started = Running, now()
		if s.durable() {
			break
		}
	}
	return r
}

// RunBegun is Run for a record that Begin has made and that is on disk.
func RunBegun(ctx context.Context, p Plan, r Record, rec Recorder) (Record, error) {
	if err := matches(p, r); err != nil {
		return r, err
	}
	run := runner{plan: p, record: r.clone(), rec: rec}
	for run.begun < len(r.Steps) && r.Steps[run.begun].State == Running {
		run.begun++
	}
	return run.forward(ctx)
}

// Back undoes an operation that was interrupted: every step that may have
// touched the world is taken back, last first.
func Back(ctx context.Context, p Plan, r Record, cause error, rec Recorder) (Record, error) {
	if err := matches(p, r); err != nil {
		return r, err
	}
	run := runner{plan: p, record: r.clone(), rec: rec}
	return run.undo(ctx, cause)
}

// matches reports a record that is not of this plan, or of one that has ended:
// its steps would be done, or undone, in the place of others.
func matches(p Plan, r Record) error {
	if !r.State.Open() {
		return fmt.Errorf("operation %s has ended: it is %s", r.ID, r.State)
	}
	if len(r.Steps) != len(p.Steps) {
		return fmt.Errorf("operation %s has %d steps on record, the plan has %d", r.ID, len(r.Steps), len(p.Steps))
	}
	for i, s := range p.Steps {
		if r.Steps[i].Name != s.Name {
			return fmt.Errorf("operation %s has step %q on record where the plan has %q", r.ID, r.Steps[i].Name, s.Name)
		}
	}
	return nil
}

// earlier is the cause of an undoing that a crash interrupted.
func earlier(r Record) error {
	if r.Error == "" {
		return errors.New("the undoing was interrupted")
	}
	return errors.New(r.Error)
}

// runner is one run of a plan.
type runner struct {
	plan   Plan
	record Record
	rec    Recorder
	begun  int // so many steps are on disk as begun, before they are

	mu sync.Mutex // over the record, while steps are done beside each other
}

// forward does the steps that are not done yet.
func (r *runner) forward(ctx context.Context) (Record, error) {
	r.record.State = Running
	for i, next := 0, 0; i < len(r.plan.Steps); i = next {
		next = r.plan.beside(i)
		if err := context.Cause(ctx); err != nil {
			r.reached(i)
			return r.stop(ctx, i, next, err)
		}
		if err := r.steps(ctx, i, next); err != nil {
			r.reached(next)
			return r.stop(ctx, i, next, err)
		}
	}
	state := Succeeded
	for _, s := range r.record.Steps {
		if s.State == Failed {
			state = Partial
		}
	}
	return r.end(ctx, state, nil)
}

// beside is the index after the last step that is done beside the one at i, or beside one that follows it in the same row.
func (p Plan) beside(i int) int {
	next := i + 1
	for k, s := range p.Steps {
		if k > i && s.Beside > 0 && k-s.Beside <= i {
			next = k + 1
		}
	}
	return next
}

// reached takes the note of the beginning from the steps that were noted as
// begun and have not been: there is nothing of them to undo.
func (r *runner) reached(n int) {
	for i := n; i < r.begun; i++ {
		r.record.Steps[i].State, r.record.Steps[i].Started = Queued, nil
	}
}

// errBeside is why a step ends that could have gone on.
var errBeside = errors.New("ended, since what was done beside it failed")

// steps does the steps from one index to before another, and writes down what came of them: those that are done beside
// others each on its own, the rest one after the other. What is known to have been done before a crash is not done again.
func (r *runner) steps(ctx context.Context, from, to int) error {
	var row, apart []int
	for i := from; i < to; i++ {
		switch {
		case r.record.Steps[i].State == Succeeded:
		case r.plan.Steps[i].Beside > 0:
			apart = append(apart, i)
		default:
			row = append(row, i)
		}
	}
	if len(apart) == 0 {
		return r.row(ctx, row)
	}
	// They are on disk as begun with the first one of the row.
	first := slices.Clone(apart)
	if len(row) > 0 {
		first = append([]int{row[0]}, first...)
	}
	if err := r.note(ctx, first...); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var doing sync.WaitGroup
	var once sync.Once
	var failed error // first; it is why the others have ended, if they have
	begin := func(do func() error) {
		doing.Go(func() {
			if err := do(); err != nil {
				once.Do(func() { failed = err })
				cancel(errBeside)
			}
		})
	}
	for _, i := range apart {
		begin(func() error { return r.step(ctx, i) })
	}
	if len(row) > 0 {
		begin(func() error {
			if err := r.step(ctx, row[0]); err != nil {
				return err
			}
			return r.row(ctx, row[1:])
		})
	}
	doing.Wait()
	return failed
}

// row does steps one after the other.
func (r *runner) row(ctx context.Context, steps []int) error {
	for _, i := range steps {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := r.note(ctx, i); err != nil {
			return err
		}
		if err := r.step(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// note writes down that steps begin.
func (r *runner) note(ctx context.Context, steps ...int) error {
	durable := false
	r.mu.Lock()
	for _, i := range steps {
		d := &r.record.Steps[i]
		d.State, d.Error, d.Note = Running, "", ""
		d.Started, d.Ended = now(), nil
		durable = durable || r.plan.Steps[i].durable() && i >= r.begun
	}
	record := r.record.clone()
	r.mu.Unlock()
	err := r.rec.Record(ctx, record, durable)
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range steps {
		r.record.Steps[i].State, r.record.Steps[i].Started = Queued, nil
	}
	return fmt.Errorf("%s: write the step down before doing it: %w", r.plan.Steps[steps[0]].Name, err)
}

// step does one step that is on record as begun.
func (r *runner) step(ctx context.Context, i int) error {
	s, d := r.plan.Steps[i], &r.record.Steps[i]
	moved := Done{Bytes: d.Bytes, Rows: d.Rows}
	bounded, cancel := context.WithTimeout(ctx, s.timeout())
	note, err := s.Do(context.WithValue(bounded, measureKey{}, &moved))
	timedOut := bounded.Err() != nil && ctx.Err() == nil
	cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	d.Ended, d.Note = now(), note
	d.Bytes, d.Rows = moved.Bytes, moved.Rows
	if err != nil {
		if timedOut {
			err = fmt.Errorf("not done within %s: %w", s.timeout(), err)
		}
		d.State, d.Error = Failed, err.Error()
		if s.Optional && ctx.Err() == nil {
			return nil
		}
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	d.State = Succeeded
	return nil
}

// stop ends a plan that failed, was cancelled or was interrupted at the steps from one index to before another.
func (r *runner) stop(ctx context.Context, from, to int, cause error) (Record, error) {
	ended := context.Cause(ctx)
	if ended != nil && !errors.Is(cause, ended) {
		// "context canceled" is what the step saw; why is what people ask.
		cause = fmt.Errorf("%w: %w", ended, cause)
	}
	switch {
	case errors.Is(ended, ErrInterrupted):
		// What was under way is left as unknown: the next start examines it.
		for i := from; i < to; i++ {
			if d := &r.record.Steps[i]; d.State == Failed {
				d.State = Unknown
			}
		}
		r.record.State, r.record.Error = Unknown, ErrInterrupted.Error()
		err := r.rec.Record(context.WithoutCancel(ctx), r.record.clone(), true)
		return r.record, errors.Join(ErrInterrupted, err)
	case r.past():
		return r.end(ctx, Partial, cause)
	case r.plan.OnFailure == Keep && !errors.Is(ended, ErrCancelled):
		return r.end(ctx, Failed, cause)
	}
	return r.undo(ctx, cause)
}

// past reports whether the point of no return is behind.
func (r *runner) past() bool { return Past(r.plan, r.record) }

// Past reports whether an operation has begun, or done, a step after which nothing is taken back any more.
func Past(p Plan, r Record) bool {
	for _, s := range p.Steps {
		if s.Final && r.Begun(s.Name) {
			return true
		}
		if d := r.Step(s.Name); s.Settles && d != nil && d.State == Succeeded {
			return true
		}
	}
	return false
}

// undo takes back every step that was begun, last first. A step whose undo
// fails does not keep the others from being undone.
func (r *runner) undo(ctx context.Context, cause error) (Record, error) {
	// Undoing goes to its end, whatever becomes of ctx: half undone is worse
	// than done, and every step has its own time-out.
	ctx = context.WithoutCancel(ctx)
	r.record.State = Cancelling
	if cause != nil {
		r.record.Error = cause.Error()
	}
	// What is about to be undone is on disk first, so that a crash in the
	// middle of the undoing is not taken for a crash in the middle of the doing.
	// A disk that does not take it is no reason to keep a half takeover.
	recordErr := r.rec.Record(ctx, r.record.clone(), true)
	clean := true
	for i := len(r.plan.Steps) - 1; i >= 0; i-- {
		s, d := r.plan.Steps[i], &r.record.Steps[i]
		if d.State == Queued || d.State == Skipped || d.State == Undone {
			continue
		}
		if s.Undo == nil {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, s.timeout())
		err := s.Undo(bounded)
		cancel()
		if err != nil {
			clean = false
			d.State = Failed
			d.Error = joinText(d.Error, "undo: "+err.Error())
			cause = errors.Join(cause, fmt.Errorf("undo %s: %w", s.Name, err))
			continue
		}
		d.State = Undone
	}
	state := Undone
	if !clean {
		state = Failed
	}
	rec, err := r.end(ctx, state, cause)
	return rec, errors.Join(err, recordErr)
}

// end closes the operation and writes it down for good.
func (r *runner) end(ctx context.Context, state State, cause error) (Record, error) {
	r.record.State, r.record.Ended = state, now()
	if cause != nil {
		r.record.Error = cause.Error()
	}
	err := r.rec.Record(context.WithoutCancel(ctx), r.record.clone(), true)
	return r.record, errors.Join(cause, err)
}

// now is the present time, as a step's record wants it.
func now() *time.Time {
	t := time.Now()
	return &t
}

// joinText joins two messages of which the first may be empty.
func joinText(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
