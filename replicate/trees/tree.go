package trees

import (
	"log/slog"
	"time"

	"failoverd/replicate/files"
)

// Tree is a tree of files as it is configured.
type Tree struct {
	Server, Name string
	Directory    string // of the copy
	Agent, Path  string // the source: a directory of the primary, or one that is mounted on this host
	StateDir     string // where failoverd remembers what it has to, outside of both trees

	Include, Exclude []files.Rule
	FoldCase         bool
	ScanInterval     time.Duration // of a Path
	Retention        time.Duration // of the trash
	Reserve          int64         // bytes of the disk that are left free
	Brake            files.Brake
	Bandwidth        Bandwidth
}

// Order is what is to be done with a tree: it is followed, under the server's takeover epoch.
type Order struct {
	Tree  Tree
	Epoch uint64
	// Accept takes the source as it is now, though it is another directory than before: somebody has said so.
	Accept bool
}

// sink is how the copy is kept. What does not come from the tree is how this conversation goes.
func (o Order) sink(rules *files.Rules, log *slog.Logger) files.SinkOptions {
	t := o.Tree
	return files.SinkOptions{
		Directory: t.Directory, Rules: rules, Epoch: o.Epoch, Retention: t.Retention, Reserve: t.Reserve, Brake: t.Brake,
		Limit: t.Bandwidth.At, AcceptSource: o.Accept, Log: log,
	}
}

// place is what makes a copy this copy: with another source or directory, what is known of it says nothing.
func (t Tree) place() string { return t.Directory + "\n" + t.Agent + "\n" + t.Path }
