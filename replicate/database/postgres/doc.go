// Package postgres copies the catalogs of PostgreSQL 13 and later: the schema by pg_dump and pg_restore, the rows by
// COPY from one server to the other, and a swap by renaming.
//
// # Data source
//
//	postgres://USER@HOST:PORT/CATALOG, or host=... user=... dbname=...
//
// At a target any catalog that the account may connect to. The settings that matter for a copy are failoverd's own.
//
// # Rights
//
// At the source the account needs pg_read_all_data, BYPASSRLS if there are policies, and SELECT on large objects. At
// the target it needs CREATEDB and pg_signal_backend, and membership in the owners' roles. It needs no superuser,
// unless there are event triggers or extensions that are not trusted. Probe names what is missing.
//
// # Copy
//
// The schema is pg_dump's, which must be on failoverd's host and not older than the source; the rows go by COPY from
// one server to the other, several tables at a time, in failoverd's own streams; all of it at one exported snapshot.
// A large table is filled by one transaction, whose rows are marked as committed for good (COPY, FREEZE): nothing that
// reads them later writes every page once more. Indexes, constraints and triggers are made when the rows are there, so
// nothing fires. Sequences are set as they are
// when the rows have been copied, materialized views are filled anew, large objects come by pg_dump, and the planner
// gets its statistics. The catalog's encoding, collation, comment, settings and rights are those of the source.
//
// Owners are kept if failoverd's account at the target may make things for all of them (it is a member of each role, or
// a superuser); else everything belongs to that account. Rights are kept if owners are and every role that has some
// exists at the target; else there are none but the owners'. Probe says which role is missing. Roles, passwords,
// settings of a role in a catalog, tablespaces, security labels, publications and subscriptions belong to the server
// and are not copied.
//
// # Swap
//
// A swap is one transaction that renames two catalogs. Neither a crash of failoverd nor one of the server leaves it
// half done. It ends the sessions in both catalogs; whoever connects while the transaction runs waits for its end, is
// refused once because the name has moved on, and finds the new copy at the next attempt. Gap is the longest that a
// reader may find nobody.
//
// What a catalog is to failoverd stands at the end of its comment: the run that made it, that it was the first, that a
// rollback has taken it out of service.
//
// # Sealing
//
// A sealed catalog has default_transaction_read_only. Every new session of any account begins with it, so nothing is
// written by mistake; who says SET TRANSACTION READ WRITE means it, and can. PostgreSQL has no stronger lock that lets
// people read what others own. The sessions from before are ended, when it is sealed and when it is opened.
//
// # Changes
//
// Each table of a snapshot has the sum of its rows, which the copy adds up as they go by. Changes reads all tables and
// compares; nothing is read if no transaction has begun to write in the whole cluster since. In the database that the
// snapshot was taken of, the rows' transactions tell how many were written, where they have not written in
// subtransactions that were open at the snapshot; in the copy a change is seen, and not how large it is.
//
// # What was proved on what
//
// The tests start servers of the newest PostgreSQL that is installed. make test-versions runs them on others.
package postgres

import "time"

// Gap is how long a reader of the live name may find nobody while a swap or a rollback goes by. PostgreSQL looks for
// sessions in a catalog that is renamed, and looks again after 100 ms when it has found one that is just ending, such
// as one of its autovacuum.
const Gap = 2 * time.Second
