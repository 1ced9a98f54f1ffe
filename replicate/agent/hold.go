package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"
)

// Hold is the standby's last word about this host, as it is remembered.
type Hold struct {
	Held  bool      `json:"held"`    // it stands in: this host's application and service address stay down
	Epoch uint64    `json:"epoch"`   // the takeover that it speaks of
	Boot  string    `json:"boot_id"` // of this host, when it said so last
	At    time.Time `json:"at"`      // when that changed last
}

const (
	// ServiceHold is the name of the service by which the standby says whether it stands in.
	ServiceHold = "hold"
	// OrderHold and OrderFree are its words.
	OrderHold = "hold"
	OrderFree = "free"

	holdFile = "hold"
)

// told is what is remembered after a word of the standby. Each takeover raises the epoch: what a standby says that was put back
// from an old backup is of an earlier one, and under one that was lifted nothing is held again.
func (h Hold) told(held bool, epoch uint64, boot string, now time.Time) (Hold, error) {
	if epoch < h.Epoch {
		return h, &Problem{OlderEpoch, fmt.Sprintf("the standby speaks of takeover epoch %d, and %d is known here", epoch, h.Epoch)}
	}
	next := Hold{Held: held && (h.Held || epoch > h.Epoch), Epoch: epoch, Boot: boot, At: h.At}
	if next.Held != h.Held || next.Epoch != h.Epoch || next.Boot != h.Boot {
		next.At = now
	}
	return next, nil
}

// lifted is what is remembered when the application of this host is meant to run again.
func (h Hold) lifted(now time.Time) Hold {
	if h.Held {
		h.Held, h.At = false, now
	}
	return h
}

// Passes says whether this host's application and service address may come up, and why. boot is of this host; heard says who
// answers for an address that it would have, in words, empty if nobody does.
func (h Hold) Passes(boot, heard string) (open bool, reason string) {
	switch {
	case h.Held:
		return false, fmt.Sprintf("the standby stands in since %s (takeover %d)", h.At.Local().Format("2006-01-02 15:04:05"), h.Epoch)
	case heard != "":
		return false, heard
	case h.Boot == boot:
		return true, "the standby says that it does not stand in"
	case h.Boot == "":
		return true, "no standby has ever said that it stands in"
	}
	return true, "the standby was not heard since this host has booted; when it was, it did not stand in"
}

// ReadHold reads what is remembered; zero if nothing is.
func ReadHold(dir *os.Root) (h Hold, err error) {
	_, err = readJSON(dir, holdFile, &h)
	return h, err
}

// LiftHold forgets that the standby stands in, by order of somebody at this host. Under the same takeover nothing is held again.
func LiftHold(dir *os.Root, now time.Time) error {
	return changeHold(dir, func(h Hold) (Hold, error) { return h.lifted(now), nil })
}

// changeHold changes what is remembered, on the disk.
func changeHold(dir *os.Root, change func(Hold) (Hold, error)) (err error) {
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	h, err := ReadHold(dir)
	if err != nil {
		return err
	}
	next, err := change(h)
	if err != nil || next == h {
		return err
	}
	return keepJSON(dir, holdFile, next)
}

// holding is the service.
type holding struct {
	dir  *os.Root
	boot string
	log  *slog.Logger
}

// NewHolding serves the standby's word. boot is of this host.
func NewHolding(dir *os.Root, boot string, log *slog.Logger) Service { return holding{dir, boot, log} }

// Begin remembers one word.
func (s holding) Begin(_ context.Context, r Request) (func(context.Context, io.ReadWriteCloser) error, error) {
	if r.Order != OrderHold && r.Order != OrderFree {
		return nil, &Problem{BadRequest, fmt.Sprintf("there is no word %.64q about who serves", r.Order)}
	}
	var before, after Hold
	err := changeHold(s.dir, func(h Hold) (next Hold, err error) {
		before = h
		after, err = h.told(r.Order == OrderHold, r.Epoch, s.boot, time.Now().UTC())
		return after, err
	})
	if err != nil {
		return nil, err
	}
	switch {
	case after.Held && !before.Held:
		s.log.Warn("the standby stands in: what the gate guards stays down on this host", "epoch", after.Epoch)
	case before.Held && !after.Held:
		s.log.Warn("the standby does not stand in any more: what the gate guards may come up", "epoch", after.Epoch)
	}
	return func(_ context.Context, stream io.ReadWriteCloser) error {
		return errors.Join(writeFrame(stream, after), stream.Close())
	}, nil
}

// Hold tells an agent whether the standby stands in, and returns what it remembers of that.
func (c *Client) Hold(ctx context.Context, to netip.AddrPort, held bool, epoch uint64) (h Hold, err error) {
	word := OrderFree
	if held {
		word = OrderHold
	}
	stream, _, err := c.Open(ctx, to, Request{Service: ServiceHold, Order: word, Epoch: epoch})
	if err != nil {
		return h, err
	}
	defer func() { err = errors.Join(err, stream.Close()) }()
	defer context.AfterFunc(ctx, func() { _ = stream.Close() })()
	if err := readFrame(stream, &h); err != nil {
		return h, unanswered(to, err)
	}
	return h, nil
}
