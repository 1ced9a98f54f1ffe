package trees

import (
	"context"
	"io"

	"failoverd/replicate/files"
)

// Wanted is what the standby asks of a server's agent: a conversation about a directory, under the rules by which the
// copy is kept.
type Wanted struct {
	Server           string
	Directory        string
	Include, Exclude []files.Rule
	FoldCase         bool
	Epoch            uint64
}

// Opener reaches the agents of servers.
type Opener interface {
	// Open begins a conversation about a tree with the server's agent. Who gets the stream closes it.
	Open(ctx context.Context, w Wanted) (io.ReadWriteCloser, error)
	// Bring begins a conversation in which the copy is the source, and the tree at the primary is made as it is.
	Bring(ctx context.Context, w Wanted) (io.ReadWriteCloser, error)
	// Look tells how the tree at the primary is.
	Look(ctx context.Context, w Wanted) (Far, error)
	// Rest has the tree at the primary looked at whole once more, and returns the number of its last change once it has come to rest.
	Rest(ctx context.Context, w Wanted) (head uint64, err error)
	// SetAside lists what was set aside there, after a place in that list; more says that there is more than is told at a time.
	SetAside(ctx context.Context, w Wanted, after files.RescuePlace) (list []files.Rescued, more bool, err error)
	// Restore puts something that was set aside there into its place again.
	Restore(ctx context.Context, w Wanted, set, path string) error
}

// Far is how a tree at the primary is.
type Far struct {
	Scanned           bool   // it was looked at whole; otherwise the numbers are less than there is
	Files, Bytes      uint64 // that it has
	Alone, AloneBytes uint64 // files of these that the standby has not confirmed to have
	Refused           string // why files may not be brought back, empty if they may

	Bringing bool            // they are at the moment
	Listing  bool            // and everything is being compared
	Missing  int             // paths that were announced and are not there yet
	Failed   []files.Problem // those for which there is a reason
	Trouble  string          // how the last conversation ended at that side, empty if well
}
