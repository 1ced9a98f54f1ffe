// Package files copies a tree of files from a source to a sink over one stream and keeps the copy up to date: what
// changes on the one side is on the other a moment later, whole or not at all.
//
// The source (source.go) watches its tree: events (watch.go) say where to look (dirty.go, look.go), a file is announced
// when it has come to rest (settle.go), and an index (index.go) numbers what was learnt. The sink (sink.go) stages what
// comes (part.go, target_linux.go), carries it out in groups that become durable together (group.go, commit.go), keeps
// what it takes away in a trash, and holds back what looks like an unmounted source (brake.go). The conversation between
// the two is written down in wire.go.
//
// When the roles are exchanged, what only the old source had (tail.go) is set aside and not thrown away (rescue.go). Hard
// links are copied as files of their own: a copy has each name whole, and no two share what is written to one.
//
// A stream is whatever its maker says it is: authentication, encryption and the way to each other are not the business
// of this package.
package files
