package tdstest

// catalogSchema is what every database knows about itself beside what SQLite does: in tables of the database's own
// file, so that a backup has it too. Blanks in the names keep them apart from a test's tables.
const catalogSchema = `
CREATE TABLE [tds objects] (
	object_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL COLLATE NOCASE, type TEXT NOT NULL,
	parent INTEGER NOT NULL DEFAULT 0, definition TEXT, parameters TEXT
);
CREATE TABLE [tds columns] (object_id INTEGER, column_id INTEGER, name TEXT COLLATE NOCASE, declared TEXT, is_identity INTEGER);
CREATE TABLE [tds indexes] (object_id INTEGER, index_id INTEGER, name TEXT COLLATE NOCASE);
CREATE TABLE [tds sequences] (object_id INTEGER, next INTEGER, step INTEGER);
CREATE TABLE [tds properties] (name TEXT PRIMARY KEY COLLATE NOCASE, value TEXT);
CREATE TABLE [tds principals] (name TEXT PRIMARY KEY COLLATE NOCASE, principal_id INTEGER, sid TEXT, type TEXT);
CREATE TABLE [tds identity] (guid TEXT);
`
