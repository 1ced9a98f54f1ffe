// Package trees keeps copies of trees of files up to date, all the time: for each tree one goroutine opens the copy,
// reaches the source, has the conversation of package files with it, and begins again when that ends.
//
// Follow says which trees of a server are followed; it never waits. What is not followed any more ends by itself, and
// Quiesce waits for that. Status tells how far a copy is, for people and for what is decided.
package trees
