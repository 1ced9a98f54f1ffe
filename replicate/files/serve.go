package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"
)

// sender is the source's side of one conversation.
type sender struct {
	*Source
	w *wire

	live    uint64 // everything up to it was announced, but for what the listing brings
	bulk    uint64 // how far the listing is
	bulkEnd uint64
	listing bool
	empty   bool // the sink has nothing: what is listed comes with its content
	cursor  uint64
	told    bool // the sink knows that there is nothing more
	answers []*answer
	turn    bool // whose turn it is: the listing's or the answers'
	pace    pace
	goneEnd uint64 // up to it, what is gone was never announced in this listing
}

const (
	// batch is how many announcements are made before the others have their turn.
	batch = 64
)

// Serve has a conversation with a sink until the stream ends or ctx does, which is no error. It closes the stream.
func (s *Source) Serve(ctx context.Context, stream io.ReadWriteCloser) error {
	w, err := newWire(stream)
	if err != nil {
		return errors.Join(err, stream.Close())
	}
	c := &sender{Source: s, w: w}
	err = converse(ctx, w, stream, silence, func(frames <-chan frame) error {
		defer c.close()
		err := c.run(ctx, frames)
		if errors.Is(err, errWire) {
			_ = w.write(&byeFrame{Code: byeProtocol, Reason: err.Error()})
			_ = w.flush()
		}
		return err
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// close closes what the answers have open.
func (c *sender) close() {
	for _, a := range c.answers {
		a.close()
	}
}

// run has the conversation.
func (c *sender) run(ctx context.Context, frames <-chan frame) error {
	if err := errors.Join(c.w.write(c.hello()), c.w.flush()); err != nil {
		return err
	}
	f, ok := <-frames
	if !ok {
		return nil
	}
	resume, ok := f.(*resumeFrame)
	if !ok {
		return fmt.Errorf("%w: %v before resume", errWire, f.kind())
	}
	if err := c.begin(resume); err != nil {
		return err
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		// What the sink says has its turn in any case: it must not wait for us to read.
		if ended, err := c.drain(frames); ended || err != nil {
			return err
		}
		select {
		case <-beat.C:
			if err := c.w.write(c.beat()); err != nil {
				return err
			}
		default:
		}
		changed := c.change()
		var busy bool
		var err error
		var paced <-chan time.Time
		if wait := c.pace.wait(time.Now(), c.w.sent); wait > 0 {
			// Nothing is sent now, so that nothing can have changed that would be.
			changed, paced = nil, time.After(wait)
		} else {
			busy, err = c.step()
		}
		if err != nil {
			return err
		}
		if busy {
			continue
		}
		if err := c.w.flush(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-paced:
		case f, ok := <-frames:
			if !ok {
				return nil
			}
			if err := c.take(f); err != nil {
				return err
			}
		case <-beat.C:
			if err := c.w.write(c.beat()); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// drain takes what the sink has said.
func (c *sender) drain(frames <-chan frame) (ended bool, err error) {
	for {
		select {
		case f, ok := <-frames:
			if !ok {
				return true, nil
			}
			if err := c.take(f); err != nil {
				return false, err
			}
		default:
			return false, nil
		}
	}
}

// hello says who we are.
func (c *sender) hello() *helloFrame {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &helloFrame{
		Version: wireVersion, Tree: c.root, Marked: c.marked, Device: c.tree.id.device, Inode: c.tree.id.inode,
		Epoch: c.epoch, Index: c.index.epoch, Rules: c.options.Rules.Hash(), Head: c.index.head,
		Files: c.index.files, Bytes: c.index.bytes,
	}
}

// beat says how far we are.
func (c *sender) beat() *beatFrame {
	v, _ := c.Status()
	return &beatFrame{
		Time: time.Now().UnixNano(), Head: v.Head, Dirty: uint64(v.Dirty), Oldest: max(0, int64(v.Oldest)),
		Files: v.Files, Bytes: v.Bytes, Problem: v.Problem,
	}
}

// begin goes on where the sink is, or lists everything.
func (c *sender) begin(r *resumeFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.refused) // it is said again
	if c.index.knows(r.Index, r.Seq) {
		c.live, c.cursor = r.Seq, r.Seq
		return nil
	}
	c.listing, c.empty = true, r.Empty
	c.live, c.bulkEnd, c.goneEnd = c.index.head, c.index.head, c.index.head
	return c.w.write(&listingFrame{Entries: uint64(len(c.index.entries)), Bytes: c.index.bytes})
}

// take deals with what the sink says.
func (c *sender) take(f frame) error {
	switch f := f.(type) {
	case *wantFrame:
		return c.want(&answer{id: f.ID, path: f.Path, seq: f.Seq, ranges: f.Ranges, whole: len(f.Ranges) == 0})
	case *wantBlocksFrame:
		if f.Length == 0 {
			return fmt.Errorf("%w: the hashes of nothing", errWire)
		}
		return c.want(&answer{
			id: f.ID, path: f.Path, seq: f.Seq, block: f.BlockSize, ranges: []span{{Offset: f.Offset, Length: f.Length}},
		})
	case *ackFrame:
		return c.ack(f)
	case *limitFrame:
		c.pace.set(time.Now(), f.Rate, c.w.sent)
		return nil
	case *refusedFrame:
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.refused) < 10_000 {
			c.refused[f.Path] = f.Reason
		}
		return nil
	}
	return fmt.Errorf("%w: %v from a sink", errWire, f.kind())
}

// want puts an answer into the queue.
func (c *sender) want(a *answer) error {
	if len(c.answers) >= maxWants {
		return fmt.Errorf("%w: more than %d questions", errWire, maxWants)
	}
	c.answers = append(c.answers, a)
	return nil
}

// manyGone is how many paths that went are worth forgetting.
const manyGone = 4096

// ack notes what is durable at the sink.
func (c *sender) ack(f *ackFrame) error {
	seq := f.Seq
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq > c.index.head {
		return fmt.Errorf("%w: %d acknowledged of %d", errWire, seq, c.index.head)
	}
	if seq > c.acked {
		c.acked = seq
		c.tell()
	}
	if f.Lacks == 0 && seq > c.index.confirmed {
		c.index.confirmed = seq
		clear(c.index.lacked)
		for p := range c.refused {
			c.index.lacked[p] = true
		}
		c.tell()
		c.dirty.nudge() // it is worth writing down
	}
	if len(c.index.gone) > manyGone {
		c.index.forget(seq)
	}
	return nil
}

// step does the next thing that there is to do; busy is false if there is none.
func (c *sender) step() (busy bool, err error) {
	if busy, err := c.announceLive(); busy || err != nil {
		return busy, err
	}
	if c.turn = !c.turn; c.turn {
		if busy, err := c.announceBulk(); busy || err != nil {
			return busy, err
		}
		return c.answer()
	}
	if busy, err := c.answer(); busy || err != nil {
		return busy, err
	}
	return c.announceBulk()
}

// errBehind ends a conversation in which the sink is so far behind that what went meanwhile was forgotten: the next one
// begins with a listing.
var errBehind = errors.New("the sink is too far behind; everything is listed anew")

// announceLive announces what changed since the conversation began.
func (c *sender) announceLive() (busy bool, err error) {
	c.mu.Lock()
	head, floor := c.index.head, c.index.floor
	if c.listing && head > c.live && (!c.scanned || head-c.live > few) && (c.bulk == c.bulkEnd || c.bulkEnd == c.live) {
		// This comes from the first scan, or is so much that it may: it is brought up with the rest, and what changes now
		// goes before it.
		if c.bulk == c.bulkEnd {
			c.bulk = c.live
		}
		c.bulkEnd, c.live = head, head
	}
	list, reached := c.index.since(c.live, head, batch)
	c.mu.Unlock()
	if c.live < floor {
		return true, errBehind
	}
	for i := range list {
		if i > 0 && c.pace.wait(time.Now(), c.w.sent) > 0 {
			list, reached = list[:i], list[i-1].seq
			break
		}
		if err := c.announce(&list[i], !c.listing || c.empty); err != nil {
			return true, err
		}
	}
	c.live = reached
	if len(list) > 0 {
		c.told = false
	}
	if c.listing {
		return len(list) > 0, nil
	}
	idle := reached == head
	if len(list) == 0 && (c.told || !idle) {
		return false, nil
	}
	c.told = idle
	c.cursor = reached
	if err := c.w.write(&cursorFrame{Seq: reached, Idle: idle}); err != nil {
		return true, err
	}
	if idle {
		return len(list) > 0, c.w.flush()
	}
	return true, nil
}

// announceBulk goes on with the listing, and ends it when everything was looked at.
func (c *sender) announceBulk() (busy bool, err error) {
	if !c.listing {
		return false, nil
	}
	c.mu.Lock()
	list, reached := c.index.since(c.bulk, c.bulkEnd, batch)
	done := c.scanned && len(list) == 0 && c.live == c.index.head && !c.owes()
	c.mu.Unlock()
	for i := range list {
		if i > 0 && c.pace.wait(time.Now(), c.w.sent) > 0 {
			list, reached = list[:i], list[i-1].seq
			break
		}
		// What is not there is not listed, unless it was before; a hint would come too late.
		if list[i].from != "" || list[i].entry == nil && list[i].seq <= c.goneEnd {
			continue
		}
		if err := c.announce(&list[i], c.empty); err != nil {
			return true, err
		}
	}
	c.bulk = reached
	if done {
		c.listing, c.told = false, false
		return true, c.w.write(&listedFrame{})
	}
	return len(list) > 0, nil
}

// announce says one thing; inline says whether small files come with their content.
func (c *sender) announce(n *news, inline bool) error {
	switch {
	case n.from != "":
		return c.w.write(&renameFrame{From: n.from, To: n.path})
	case n.entry == nil:
		return c.w.write(&goneFrame{Path: n.path, Seq: n.seq})
	case n.entry.Kind != File || n.entry.Size > inlineSize || n.bare || n.entry.Open || !inline:
		return c.w.write(&entryFrame{Entry: *n.entry})
	}
	data, err := c.read(n.entry)
	switch {
	case errors.Is(err, errChanged):
		// It is announced again when it has come to rest.
		c.dirty.again(n.path)
		return nil
	case err != nil:
		c.note(n.path, err)
		return c.w.write(&entryFrame{Entry: *n.entry})
	}
	e := *n.entry
	e.Hash = sha256.Sum256(data)
	return c.w.write(&fileFrame{Entry: e, Data: data})
}

// note remembers that a file cannot be read.
func (c *sender) note(p string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems) < 10_000 {
		c.problems[p] = err.Error()
	}
}

// answer goes on with the first answer.
func (c *sender) answer() (busy bool, err error) {
	if len(c.answers) == 0 {
		return false, nil
	}
	a := c.answers[0]
	f, err := a.next(c)
	if err != nil {
		f = &abortFrame{ID: a.id, Code: abortUnreadable, Text: err.Error()}
		if errors.Is(err, errChanged) {
			f = &abortFrame{ID: a.id, Code: abortChanged}
		} else {
			c.note(a.path, err)
		}
	}
	switch f := f.(type) {
	case *fileFrame, *endFrame, *abortFrame:
		a.close()
		c.answers = c.answers[1:]
		if len(c.answers) == 0 {
			return true, errors.Join(c.w.write(f), c.w.flush())
		}
		return true, c.w.write(f)
	}
	return true, c.w.write(f)
}
