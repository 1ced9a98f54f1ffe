// Package enginetest is the suite that every database engine passes: what database.Engine promises, proved on a real
// server of its kind.
//
// An engine's test gives a Fixture and calls Run. What it sees of the server beside the engine goes through the
// Fixture's Exec and Query, so that an engine that is wrong about its own copy is found out.
package enginetest

import (
	"context"
	"testing"
	"time"

	"failoverd/replicate/database"
)

// Fixture is an engine, and real servers to try it on.
type Fixture struct {
	Engine  database.Engine
	Dialect Dialect

	// NewPair makes a fresh, empty source catalog with a random name, and says where its copy goes: a live name by
	// database.CopyOf that does not exist yet, and a run of its own. Two pairs share the target's server. It removes
	// everything that bears the pair's names when the test ends.
	NewPair func(t *testing.T) database.Pair

	// Exec runs a script in a catalog as the application's owner would, in a connection of its own that it closes
	// again. The error is the server's. The catalog is the end's own, or any of the pair's names at a target.
	Exec func(ctx context.Context, e database.End, catalog, script string) error

	// Query asks in a catalog, in a connection of its own that it closes again, and gives every row with its columns
	// as text: "NULL" for nulls, upper-case hexadecimal digits for blobs.
	Query func(ctx context.Context, e database.End, catalog, query string) ([][]string, error)

	// QueryAll asks several queries one after the other, as Query does, in one connection: for servers that take
	// longer to let somebody in than to answer. nil: each of them by Query.
	QueryAll func(ctx context.Context, e database.End, catalog string, queries []string) ([][][]string, error)

	// Catalogs lists the catalogs of an end's server by their names, without asking the engine.
	Catalogs func(ctx context.Context, e database.End) ([]string, error)

	// Recreate drops the source catalog of an end and makes another one, empty, under its name.
	Recreate func(ctx context.Context, e database.End) error

	// Hold opens a connection to a catalog, runs a script in a transaction, and leaves the transaction open until
	// release is called; release gives no error when the server has ended the connection meanwhile.
	Hold func(ctx context.Context, e database.End, catalog, script string) (release func(), err error)

	// Traces lists what failoverd has left running or lying at either server of a pair, other than the live, the
	// staging and the previous catalog: connections, statements, backup files. Empty is what the suite wants to see
	// after every call. It may wait a moment for a server that takes its time to notice that a connection has gone.
	Traces func(ctx context.Context, p database.Pair) ([]string, error)

	// Unreachable gives the same end at a place where no server answers.
	Unreachable func(e database.End) database.End

	// Beside gives the end of a drill's copy of the one in service at an end. nil: database.Beside.
	Beside func(e database.End) database.End

	// Missing gives the same end with a catalog that does not exist. nil: one whose name is longer.
	Missing func(e database.End) database.End

	// NoPasswords says that the engine's servers ask for none. Else the suite gives a wrong one, at either end.
	NoPasswords bool

	// Gap is how long a reader of the live name may find nobody while a swap or a rollback goes by, as the engine's
	// package documents it. 0 is none: not one read may fail.
	Gap time.Duration

	// Patience is how long one call may take on a busy machine; 0 is 60 s.
	Patience time.Duration

	// The rest are things that not every server can be made to do; nil where it cannot.

	// Sever ends every connection of failoverd to an end's server, from the server's side.
	Sever func(ctx context.Context, e database.End) error

	// Poor gives the same pair by an account at the source that lacks a right without which the copy would not be
	// complete, and the words of the GRANT that Probe must name in a remedy.
	Poor func(t *testing.T, p database.Pair) (poor database.Pair, grant string)

	// FullDisk gives a pair with a fresh, empty source whose target has room for no more than a few MiB: a copy of
	// Dialect.Bulk's rows for 64 MiB must fail there.
	FullDisk func(t *testing.T) database.Pair

	// Fill takes what is left on the disk of the target of a pair that FullDisk gave, and gives what frees it again.
	Fill func(t *testing.T, p database.Pair) (free func())

	// NeedsRoom says that some room on the disk is needed even to read a catalog.
	NeedsRoom bool

	// OneWay says that the target's server is newer than the source's, so that there is no way back.
	OneWay bool

	// Older gives a pair whose target's server is older than the source's, so that Probe must say "older-target".
	Older func(t *testing.T) database.Pair
}

// Dialect is the suite's company in the words of one engine. The suite takes every script and query as it is and
// looks only at what comes back, so a field may hold whatever Exec and Query understand.
//
// The company has customers with a key; calls with a generated key, a foreign key to customers, an index, times and
// exact numbers; notes without any key, with nulls and rows that occur twice; a table of every type that the engine
// has, at its limits; a table and columns whose names are as awkward as the engine allows (blanks, quotes of every
// kind, reserved words, letters beyond ASCII); accounts and a till whose sum never changes, and moves, a row for each
// transfer between them; a tally that a trigger keeps of the customers, so that a copy that fires triggers is
// noticed; a view; and a routine, a sequence and an event where the engine has them.
type Dialect struct {
	Schema string // makes all of it in an empty catalog
	Data   string // fills every table with some rows

	// Bulk adds so many rows of about 256 incompressible bytes to the notes.
	Bulk func(rows int) string

	// Contents are the tables, all of them, by the names that the engine gives them in a Snapshot, each with the
	// query that returns everything in it in an order that does not depend on how it is stored.
	Contents []Contents

	Objects map[string]int // what a Snapshot counts after Schema, by kind
	NoKey   []string       // what Report.NoKey holds after Schema, sorted

	// Answers are queries that a complete copy answers as its source does: by the view, the routine, the definitions
	// of what cannot be called. They must have an answer.
	Answers []string

	// Alive is a script that needs the trigger, the sequence, defaults and constraints to work, and Living the query
	// that shows whether they did, with the answer that it must have after Data and Alive.
	Alive  string
	Living Question

	// Move moves an amount from the accounts to the till and adds one row to the moves, in one transaction. Sum adds
	// the accounts and the till and compares the till with the moves: its one answer is always the same.
	Move string
	Sum  Question

	// Mutations change the data of one table each, and are made one after the other.
	Mutations []Mutation

	// Losses each take something out of a copy that Verify must miss.
	Losses []Loss

	// Fix is a script of several statements, and Fixed the query that shows that it was run. FixFails is one of
	// which a statement in the middle fails; FixSays is a word of that statement that the error must hold.
	Fix      string
	Fixed    Question
	FixFails string
	FixSays  string

	Write string // a harmless statement that writes one row, to find out whether the catalog may be written to
}

// Contents is one table and the query that shows all of it.
type Contents struct{ Table, Query string }

// Question is a query and the one answer that it must have.
type Question struct {
	Query string
	Want  [][]string
}

// Mutation is a change to the data of one table.
type Mutation struct {
	Name   string // "insert", "update", "delete"
	Script string
	Table  string // as in Contents
	Rows   int64  // written, changed or deleted
}

// Loss takes something out of a staging.
type Loss struct {
	Name   string // "view", "rows": what it takes
	Script string
	Says   string // a word that Verify's error must hold, such as the table's name
}
