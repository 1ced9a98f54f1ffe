package sqlite

import (
	"fmt"

	"failoverd/replicate/database/enginetest"
)

// dialect is the suite's company in SQLite's words.
func dialect() enginetest.Dialect {
	return enginetest.Dialect{
		Schema:   schema,
		Data:     data,
		Bulk:     bulk,
		Contents: contents(),
		Objects:  map[string]int{"table": 15, "virtual table": 1, "index": 2, "view": 1, "trigger": 3},
		NoKey:    []string{"notes", "types"},
		Answers: []string{
			`SELECT name, calls FROM busy_customers ORDER BY name`,
			`SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name`,
			`SELECT quote(name), quote(seq) FROM sqlite_sequence ORDER BY name`,
			`SELECT rowid, text FROM search WHERE search MATCH 'grüße' ORDER BY rowid`,
			`SELECT user_version, application_id FROM pragma_user_version, pragma_application_id`,
		},
		Alive: `INSERT INTO customers (name) VALUES ('Zeta GmbH');
			INSERT INTO calls (customer, seconds) SELECT id, 1.25 FROM customers WHERE name = 'Zeta GmbH';
			INSERT OR IGNORE INTO customers (name) VALUES ('Zeta GmbH');`,
		Living: enginetest.Question{
			Query: `SELECT (SELECT customers FROM tally), (SELECT count(*) FROM customers),
				(SELECT max(id) FROM calls), (SELECT count(*) FROM calls WHERE begun IS NOT NULL AND cost = '0.00')`,
			Want: [][]string{{"4", "4", "104", "1"}},
		},
		Move: `BEGIN IMMEDIATE;
			UPDATE accounts SET balance = balance - 5 WHERE id = 1;
			UPDATE till SET amount = amount + 5;
			INSERT INTO moves (account, amount) VALUES (1, 5);
			COMMIT;`,
		Sum: enginetest.Question{
			Query: `SELECT (SELECT sum(balance) FROM accounts) + (SELECT amount FROM till),
				(SELECT amount FROM till) - (SELECT coalesce(sum(amount), 0) FROM moves)`,
			Want: [][]string{{"1000000", "0"}},
		},
		Mutations: []enginetest.Mutation{
			{Name: "insert", Script: `INSERT INTO notes VALUES (1, 'new', NULL), (1, 'new', NULL)`, Table: "notes", Rows: 2},
			{Name: "update", Script: `UPDATE calls SET cost = '9.99' WHERE id = 101`, Table: "calls", Rows: 1},
			{Name: "delete", Script: `DELETE FROM calls WHERE id = 103`, Table: "calls", Rows: 1},
			{Name: "delete and insert", Script: `DELETE FROM moves WHERE id = 1; INSERT INTO moves (account, amount) VALUES (2, 1)`, Table: "moves", Rows: 2},
			{Name: "insert without row numbers", Script: `INSERT INTO rates VALUES ('XY', 1.5)`, Table: "rates", Rows: 1},
			{Name: "an integer becomes a text", Script: `UPDATE types SET v = '1' WHERE typeof(v) = 'integer' AND v = 1`, Table: "types", Rows: 1},
		},
		Losses: []enginetest.Loss{
			{Name: "view", Script: `DROP VIEW busy_customers`, Says: "view"},
			{Name: "trigger", Script: `DROP TRIGGER customers_in`, Says: "trigger"},
			{Name: "index", Script: `DROP INDEX calls_by_customer`, Says: "index"},
			{Name: "table", Script: `DROP TABLE rates`, Says: "rates"},
			{Name: "rows", Script: `DELETE FROM notes WHERE text = 'twice'`, Says: "notes"},
			{Name: "an index entry", Script: `PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'ON calls (customer)', 'ON calls (cost)') WHERE name = 'calls_by_customer'`, Says: "calls_by_customer"},
		},
		Fix: `-- a script; with a semicolon in a comment
			UPDATE customers SET name = 'A;B''s' WHERE id = 1;
			CREATE TRIGGER fixed_in AFTER INSERT ON till BEGIN UPDATE till SET amount = 0; DELETE FROM moves; END;
			DROP TRIGGER fixed_in; /* ; */
			INSERT INTO notes VALUES (NULL, 'fixed', NULL)`,
		Fixed: enginetest.Question{
			Query: `SELECT (SELECT name FROM customers WHERE id = 1), (SELECT count(*) FROM notes WHERE text = 'fixed')`,
			Want:  [][]string{{"A;B's", "1"}},
		},
		FixFails: `UPDATE customers SET name = 'x' WHERE id = 1; UPDATE no_such_table SET a = 1; DELETE FROM notes;`,
		FixSays:  "no_such_table",
		Write:    `INSERT INTO notes VALUES (NULL, 'written', NULL)`,
	}
}

const schema = `
	PRAGMA user_version = 7; PRAGMA application_id = 4711;
	CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE);
	CREATE TABLE calls (
		id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
		begun DATETIME DEFAULT CURRENT_TIMESTAMP, seconds REAL, cost DECIMAL(10, 2) DEFAULT '0.00',
		minutes REAL GENERATED ALWAYS AS (seconds / 60) VIRTUAL, CHECK (seconds >= 0));
	CREATE INDEX calls_by_customer ON calls (customer);
	CREATE INDEX long_calls ON calls (seconds) WHERE seconds > 60;
	CREATE TABLE notes (customer INTEGER, text TEXT, picture BLOB);
	CREATE TABLE types (v);
	CREATE TABLE rates (zone TEXT PRIMARY KEY, rate REAL NOT NULL) WITHOUT ROWID;
	CREATE TABLE strictly (id INTEGER PRIMARY KEY, amount INT, text TEXT, data BLOB, anything ANY) STRICT;
	CREATE TABLE "select ""from"" 'Größe' [x" (" key of ` + "`" + `" INTEGER PRIMARY KEY, "rowid" TEXT, "été;--" TEXT);
	CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
	CREATE TABLE till (id INTEGER PRIMARY KEY CHECK (id = 1), amount INTEGER NOT NULL);
	CREATE TABLE moves (id INTEGER PRIMARY KEY, account INTEGER NOT NULL, amount INTEGER NOT NULL);
	CREATE TABLE tally (id INTEGER PRIMARY KEY CHECK (id = 1), customers INTEGER NOT NULL);
	INSERT INTO accounts VALUES (1, 600000), (2, 400000);
	INSERT INTO till VALUES (1, 0);
	INSERT INTO tally VALUES (1, 0);
	CREATE TRIGGER customers_in AFTER INSERT ON customers BEGIN UPDATE tally SET customers = customers + 1; END;
	CREATE TRIGGER customers_out AFTER DELETE ON customers BEGIN UPDATE tally SET customers = customers - 1; END;
	CREATE VIEW busy_customers (name, calls) AS
		SELECT name, count(*) FROM customers JOIN calls ON calls.customer = customers.id GROUP BY name;
	CREATE VIRTUAL TABLE search USING fts5(text, content='');
	CREATE TRIGGER notes_in AFTER INSERT ON notes WHEN new.picture IS NULL BEGIN SELECT 1; END;`

const data = `
	INSERT INTO customers (id, name) VALUES (1, 'Łódź & Söhne'), (2, 'O''Hara'), (3, '漢字 "co"');
	INSERT INTO calls (id, customer, begun, seconds, cost) VALUES
		(101, 1, '2026-02-29T24:00:00', 61.5, '12.30'), (102, 1, '2026-10-25 02:30:00.123456', 0, '0.10'),
		(103, 3, NULL, 1e300, '99999999.99');
	DELETE FROM calls WHERE id = 999;
	INSERT INTO notes VALUES (1, 'twice', x'00FF'), (1, 'twice', x'00FF'), (NULL, NULL, NULL), (2, '', x''), (2, char(0) || 'after a zero', NULL);
	INSERT INTO types VALUES (NULL), (0), (1), (1.0), ('1'), (x'31'), (9223372036854775807), (-9223372036854775808),
		(1.7976931348623157e308), (-1.7976931348623157e308), (5e-324), (9e999), (-9e999), (0.1), (''), (x''), (zeroblob(100000)),
		(char(0x10FFFF)), ('2026-01-01 00:00:00');
	INSERT INTO rates VALUES ('DE', 0.1), ('AT', 0.25);
	INSERT INTO strictly VALUES (1, 2, 'three', x'04', 5), (2, NULL, NULL, NULL, 'five');
	INSERT INTO "select ""from"" 'Größe' [x" VALUES (-5, 'a', 'b'), (9223372036854775807, NULL, '漢');
	INSERT INTO search (rowid, text) VALUES (1, 'viele grüße'), (2, 'nothing');
	UPDATE accounts SET balance = balance - 10 WHERE id = 2; UPDATE till SET amount = amount + 10;
	INSERT INTO moves (account, amount) VALUES (2, 10);`

// bulk adds rows of 256 bytes that cannot be compressed.
func bulk(rows int) string {
	return fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO notes SELECT i, 'bulk', randomblob(240) FROM n`, rows)
}

// contents are the tables, each in an order of its values.
func contents() []enginetest.Contents {
	all := func(table string, columns ...string) enginetest.Contents {
		query := "SELECT "
		for i, column := range columns {
			if i > 0 {
				query += ", "
			}
			query += fmt.Sprintf("typeof(%s), quote(%[1]s)", column)
		}
		query += " FROM " + ident(table) + " ORDER BY "
		for i := range columns {
			if i > 0 {
				query += ", "
			}
			query += fmt.Sprint(2*i+1, ", ", 2*i+2)
		}
		return enginetest.Contents{Table: table, Query: query}
	}
	return []enginetest.Contents{
		all("customers", "id", "name"),
		all("calls", "id", "customer", "begun", "seconds", "cost", "minutes"),
		all("notes", "rowid", "customer", "text", "picture"),
		all("types", "rowid", "v"),
		all("rates", "zone", "rate"),
		all("strictly", "id", "amount", "text", "data", "anything"),
		all(`select "from" 'Größe' [x`, "\" key of `\"", `"rowid"`, `"été;--"`),
		all("accounts", "id", "balance"),
		all("till", "id", "amount"),
		all("moves", "id", "account", "amount"),
		all("tally", "id", "customers"),
		all("search_data", "id", "block"),
		all("search_idx", "segid", "term", "pgno"),
		all("search_docsize", "id", "sz"),
		all("search_config", "k", "v"),
	}
}
