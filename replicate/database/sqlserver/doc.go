// Package sqlserver copies the catalogs of Microsoft SQL Server: BACKUP DATABASE at the source, the file on its way
// from one shelf to the other, RESTORE DATABASE under the staging name at the target, a swap by renaming.
//
// # Data source
//
//	sqlserver://USER@HOST[:PORT][/CATALOG][?instance=NAME&encrypt=true&...]
//
// A catalog in it is for people and must be the end's own. A named instance is written as instance=, or by its port.
// The parameters are those of go-mssqldb (encrypt, trustservercertificate, servercertificate, certificate,
// hostnameincertificate, tlsmin, packet size, keepalive, protocol); database, password, app name and the time-outs are
// failoverd's own.
//
// # Rights
//
// At the source: a user in the catalog with BACKUP DATABASE and VIEW DEFINITION, and with SELECT if it shall be known
// what the catalog holds that a copy does not. At the target: CREATE ANY DATABASE and ALTER ANY DATABASE. At both,
// VIEW SERVER STATE, for the progress and for who is connected. For both directions, each account needs both. Probe
// names what is missing. The service accounts of the servers read and write the shelves, and failoverd does.
//
// # Copy
//
// A run's backup is <live name>_<run>.bak on the source's shelf, and on the target's for as long as the restore takes;
// both go when the run has what it needs or has failed. Restored databases have files of their own, <live name>_<instant>_
// <number>.mdf, .ndf and .ldf, in the target's default directories, so that no generation meets another's. A restored
// database bears the extended properties failoverd_run and failoverd_fix_<number>.
//
// # Swap
//
// A SQL Server cannot rename two databases at once. Between the two names nobody is found (911, 4060), and whoever was
// connected to the copy is thrown out, as ALTER DATABASE ... SET SINGLE_USER WITH ROLLBACK IMMEDIATE does: by the
// documentation, MODIFY NAME needs the database for itself, and what is open is rolled back first, which takes as long
// as it has taken. Both renames are in one batch, after everything that may have to wait, so that nothing is waited for
// in between. What it takes a reader to be let in again is part of the gap. On the stand-in the longest of seven was
// 0.12 s, on a busy machine; on a SQL Server nobody has measured it.
//
// # Sealing
//
// A sealed catalog is READ_ONLY. To seal it, and to open it, throws out whoever is connected.
//
// # Changes
//
// Each table of a snapshot has its count and sums of its rows' checksums. Changes has the server add them up again and
// compares; how many rows have changed in a table that was there before it cannot tell.
//
// # What was proved on what
//
// The tests run against internal/tdstest, a stand-in that speaks the protocol and keeps to the documentation. They prove
// what failoverd does, not what a SQL Server does: every statement was held against Microsoft's documentation, and none
// has been run by a SQL Server yet. `failoverd selftest sqlserver` runs the whole cycle on a scratch database of one's
// own servers, and FAILOVERD_TEST_SQLSERVER has the tests do so.
package sqlserver
