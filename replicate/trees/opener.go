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
}
