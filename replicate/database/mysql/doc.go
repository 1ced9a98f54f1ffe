// Package mysql copies the catalogs of MariaDB and MySQL, which are schemas: between two servers of the same of the two,
// by SELECT and LOAD DATA, and a swap that moves the tables.
//
// # Data source
//
//	USER@tcp(HOST:PORT)/[CATALOG]
//
// That is go-sql-driver's own form, without the password. The parameters that matter for a copy are failoverd's own.
//
// # Rights
//
// At the source: SELECT, SHOW VIEW, TRIGGER and EVENT on the catalog, the right to see the routines of others, and RELOAD,
// without which one session reads all. At the target: all rights on the three names of the copy and on the schema
// failoverd, and those to name definers. Probe names what is missing.
//
// # Copy
//
// All writers of the source are stopped for the moment in which several sessions begin to see the same (FLUSH TABLES
// WITH READ LOCK, five seconds at most, which needs the right RELOAD; without it one session reads all). Then the rows
// travel by SELECT, in ranges of the primary key, into LOAD DATA LOCAL INFILE, as bytes in the columns' own character
// sets, and are summed up on the way. Secondary indexes and foreign keys are made when the rows are there. Tables of
// engines without transactions show what they hold when they are read. Sequences are as they are at the end, or ahead.
//
// What is kept as statements is made as its source has it, in its SQL mode and character sets. Names that are
// qualified by the source's schema are changed for the copy's where that is clear. A definer that the target does not
// have, or that failoverd's account may not name there, is replaced by that account; Probe says which. Grants belong
// to the server and not to the catalog, and are not copied. System-versioned tables, and columns whose default is
// taken from a sequence, are refused, and so are MySQL's libraries, and a target that demands a primary key of tables
// that have none.
//
// Events that run at the source are made as a replica has them, DISABLE ON SLAVE or DISABLE ON REPLICA, and run when
// the copy is released.
//
// # Swap
//
// The servers cannot rename a schema. All tables and sequences change their places in one RENAME TABLE, which is
// atomic in MariaDB since 10.6 and in MySQL since 8.0, also if the server dies. Triggers are dropped before it, and
// made anew after it like routines, views and events. All that has to be made again is written down before, in the
// schema failoverd of the target, and the name of the table in which it is written changes in the same RENAME TABLE:
// so whoever comes after a crash knows whether the tables have changed their places, and finishes, or takes back.
//
// Nobody who reads a table, a view or a function of the live name in a statement of its own is refused: while tables
// change their places statements wait, for milliseconds, and behind somebody who holds a table in a transaction for a
// second; his session is ended then. A transaction that has begun before and reads a table for the first time after it
// gets error 1412. Who writes meanwhile may write without triggers: to live, the application is stopped before.
//
// MySQL has no CREATE OR REPLACE for routines: one that has changed is missing for the moment between two statements,
// and one that is the same stays. Who takes several tables in one statement while they change their places may get
// error 1213 there, for which MySQL wants it to be tried again. In tests one of some 2500 reads did.
//
// # Sealing
//
// Neither server can refuse writes to one schema alone (MySQL can since 8.0.22, which is not used), so a live copy is
// always writable, and Probe says so. What is sealed is that no events run.
//
// # Changes
//
// Each table of a snapshot has the sum of its rows, which the copy adds up as they go by. Changes reads all tables and
// compares; how many rows have changed in a table that was there before it cannot tell.
//
// # What was proved on what
//
// The tests start servers of MariaDB 10.11, and of MySQL 9.7 where that is installed. What is done otherwise on MySQL 8
// follows MySQL's documentation and was not run. make test-versions runs the same tests on other versions.
package mysql
