// Package sqlite copies the databases of SQLite, which are files that the standby sees, its own or a primary's by a
// mounted directory: page by page as they are at one instant, and a swap by renaming.
//
// # Data source
//
// It says where a database lies, at either end in the same way:
//
//   - /mnt/pbx/calls.sqlite is the file that applications open.
//   - /var/lib/copies/ (with the slash) is a directory: a database called NAME is the file NAME.db in it.
//
// # Rights
//
// The account that failoverd runs as reads the source's file, and writes in the target's directory.
//
// # Copy
//
// A primary's database that the standby does not see is copied by its agent (far.go, and take.go at the agent): every page
// as it is at one instant, into a file that then travels. Such a source is only read; nothing is brought to live. Writers
// go on while a database in WAL mode is copied; in the other journal modes they wait, as for any long query.
//
// # Swap
//
// A copy called pbx_calls in /var/lib/copies/ is opened by applications as /var/lib/copies/pbx_calls.db, the one before
// as pbx_calls__prev.db. These are symbolic links to pbx_calls.failoverd-RUN.db, a new file for each replication, so
// that a swap is one rename, whoever still reads the old file goes on reading it, and no -wal or -journal of one file
// ever lies beside another. Do not rename or edit these files; read the links, or copy with VACUUM INTO. A database of
// the primary becomes such a link with the first replication to live; its own file is kept as the previous one.
//
// Readers of a copy find the old one or the new one at every instant: there is no gap. Only a rollback drops a copy that
// was live until then; who is between finding its name and opening it has to try again.
//
// # Sealing
//
// A sealed copy cannot be written to by anybody, root included: its header says so in the way of the file format (a
// write version above 2), and remembers the journal mode that the release puts back.
//
// SQLite knows no sessions: who has a file open is seen where the kernel says so, that is on the standby itself, and
// not across a network's file system, whose locks are not to be trusted either.
//
// # Changes
//
// Each table of a snapshot has the sum of its rows, and where they have numbers the highest of these. Changes reads all
// tables and compares: rows that were only added at a table's end are counted, of other changes it is seen that there are.
//
// # What was proved on what
//
// The tests run against SQLite as it is built into failoverd, with the program sqlite3 as a second reader.
package sqlite
