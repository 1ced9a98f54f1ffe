package sqlserver

import (
	"fmt"
	"strings"

	"failoverd/replicate/database/enginetest"
)

// schema is the company in T-SQL, as a SQL Server takes it.
const schema = `
CREATE TABLE dbo.customers (
	id int NOT NULL CONSTRAINT pk_customers PRIMARY KEY,
	name nvarchar(100) NOT NULL,
	city nvarchar(50) NULL
);
CREATE TABLE dbo.calls (
	id int IDENTITY(1,1) NOT NULL CONSTRAINT pk_calls PRIMARY KEY,
	customer int NOT NULL CONSTRAINT fk_calls_customers REFERENCES dbo.customers (id),
	began datetime2(3) NOT NULL,
	seconds int NOT NULL CONSTRAINT df_calls_seconds DEFAULT (60),
	price decimal(12, 4) NOT NULL
);
CREATE INDEX ix_calls_customer ON dbo.calls (customer);
CREATE TABLE dbo.notes (body nvarchar(400) NULL, data varbinary(400) NULL);
CREATE TABLE dbo.kinds (
	id int NOT NULL CONSTRAINT pk_kinds PRIMARY KEY,
	truth bit NULL, tiny tinyint NULL, small smallint NULL, whole int NULL, big bigint NULL,
	exact decimal(38, 10) NULL, cash money NULL, approximate float NULL,
	fixed char(10) NULL, text8 varchar(max) NULL, wide nchar(10) NULL, text16 nvarchar(max) NULL,
	bytes binary(8) NULL, blob varbinary(max) NULL,
	day date NULL, clock time(7) NULL, moment datetime NULL, instant datetime2(7) NULL, zoned datetimeoffset(7) NULL,
	guid uniqueidentifier NULL
);
CREATE TABLE dbo.[Äwk'ward "tab]]le;--] (
	[select] int NOT NULL CONSTRAINT [pk awkward] PRIMARY KEY,
	[a b] nvarchar(50) NULL,
	[it's ""q""] nvarchar(50) NULL,
	[日本語] nvarchar(50) NULL
);
CREATE TABLE dbo.accounts (id int NOT NULL CONSTRAINT pk_accounts PRIMARY KEY, balance int NOT NULL);
CREATE TABLE dbo.till (amount int NOT NULL);
CREATE TABLE dbo.moves (id int IDENTITY(1,1) NOT NULL CONSTRAINT pk_moves PRIMARY KEY, amount int NOT NULL);
CREATE TABLE dbo.tally (customers int NOT NULL);
CREATE SEQUENCE dbo.tickets AS int START WITH 100 INCREMENT BY 5;
GO
CREATE TRIGGER dbo.count_customers ON dbo.customers AFTER INSERT AS
UPDATE dbo.tally SET customers = customers + (SELECT COUNT(*) FROM inserted);
GO
CREATE VIEW dbo.bills AS
SELECT c.name, SUM(k.price) AS total FROM dbo.customers AS c JOIN dbo.calls AS k ON k.customer = c.id GROUP BY c.name;
GO
CREATE PROCEDURE dbo.write_note @body nvarchar(400) AS
INSERT INTO dbo.notes (body) VALUES (@body);
GO
`

const data = `
INSERT INTO dbo.tally (customers) VALUES (0);
INSERT INTO dbo.customers (id, name, city) VALUES (1, N'Zoë', N'Zürich'), (2, N'O''Brien', NULL), (3, N'李', N'北京');
INSERT INTO dbo.calls (customer, began, seconds, price) VALUES
	(1, '2026-03-29T01:59:59.999', 61, 1.2345), (1, '2026-10-25T02:30:00', 0, 0.0001), (2, '1999-12-31T23:59:59', 3600, 99999999.9999);
INSERT INTO dbo.calls (customer, began, price) VALUES (3, '2026-01-01T00:00:00', 2);
INSERT INTO dbo.notes (body, data) VALUES (N'twice', NULL), (N'twice', NULL), (NULL, 0x00FF10), (N'', 0x), (N'line
break', NULL);
INSERT INTO dbo.kinds (id) VALUES (1);
INSERT INTO dbo.kinds (id, truth, tiny, small, whole, big, exact, cash, approximate, fixed, text8, wide, text16, bytes, blob, day, clock, moment, instant, zoned, guid) VALUES
	(2, 1, 255, 32767, 2147483647, 9223372036854775807, 9999999999999999999999999999.9999999999, 922337203685477.5807, 1.7976931348623157E+308,
	'x', 'text', N'ä', N'日本', 0x0102030405060708, 0xFFFE, '9999-12-31', '23:59:59.9999999', '9999-12-31T23:59:59.997', '9999-12-31T23:59:59.9999999',
	'9999-12-31T23:59:59.9999999+00:00', '6F9619FF-8B86-D011-B42D-00C04FC964FF'),
	(3, 0, 0, -32768, -2147483648, -9223372036854775808, -9999999999999999999999999999.9999999999, -922337203685477.5808, -1.7976931348623157E+308,
	'', '', N'', N'', 0x00, 0x, '0001-01-01', '00:00:00', '1753-01-01T00:00:00', '0001-01-01T00:00:00', '0001-01-01T00:00:00+00:00',
	'00000000-0000-0000-0000-000000000000');
INSERT INTO dbo.[Äwk'ward "tab]]le;--] ([select], [a b], [it's ""q""], [日本語]) VALUES (1, N'GO', N'''', N'"]'), (2, NULL, N'--', N'/*');
INSERT INTO dbo.accounts (id, balance) VALUES (1, 1000000), (2, 1000000);
INSERT INTO dbo.till (amount) VALUES (0);
`

// bulk adds rows a thousand at a time.
func bulk(rows int) string {
	values := func(n int) string {
		return "INSERT INTO dbo.notes (data) VALUES " + strings.TrimSuffix(strings.Repeat("(CRYPT_GEN_RANDOM(256)),", n), ",") + ";\n"
	}
	script := ""
	for left := rows / 1000; left > 0; left -= mostRepeats {
		script += values(1000) + fmt.Sprintf("GO %d\n", min(left, mostRepeats))
	}
	if rest := rows % 1000; rest > 0 {
		script += values(rest)
	}
	return script
}

// dialect is the suite's company.
func dialect() enginetest.Dialect {
	return enginetest.Dialect{
		Schema: schema, Data: data, Bulk: bulk,
		Contents: []enginetest.Contents{
			{Table: "dbo.customers", Query: "SELECT id, name, city FROM dbo.customers ORDER BY id"},
			{Table: "dbo.calls", Query: "SELECT id, customer, began, seconds, price FROM dbo.calls ORDER BY id"},
			{Table: "dbo.notes", Query: "SELECT body, data FROM dbo.notes ORDER BY body, data"},
			{Table: "dbo.kinds", Query: `SELECT id, truth, tiny, small, whole, big, exact, cash, approximate, fixed, text8, wide, text16, bytes, blob,
day, clock, moment, instant, zoned, guid FROM dbo.kinds ORDER BY id`},
			{Table: `dbo.Äwk'ward "tab]le;--`, Query: "SELECT [select], [a b], [it's \"\"q\"\"], [日本語] FROM dbo.[Äwk'ward \"tab]]le;--] ORDER BY [select]"},
			{Table: "dbo.accounts", Query: "SELECT id, balance FROM dbo.accounts ORDER BY id"},
			{Table: "dbo.till", Query: "SELECT amount FROM dbo.till"},
			{Table: "dbo.moves", Query: "SELECT id, amount FROM dbo.moves ORDER BY id"},
			{Table: "dbo.tally", Query: "SELECT customers FROM dbo.tally"},
		},
		Objects: map[string]int{
			"table": 9, "view": 1, "routine": 1, "trigger": 1, "sequence": 1,
			"constraint": 8, // six primary keys, a foreign one, a default
			"index":      7, // of the primary keys, and one more
		},
		NoKey: []string{"dbo.notes", "dbo.tally", "dbo.till"},
		Answers: []string{
			"SELECT name, total FROM dbo.bills ORDER BY name",
			`SELECT o.name, m.definition FROM sys.sql_modules AS m JOIN sys.objects AS o ON o.object_id = m.object_id ORDER BY o.name`,
		},
		Alive: `
INSERT INTO dbo.customers (id, name) VALUES (NEXT VALUE FOR dbo.tickets, N'alive');
INSERT INTO dbo.calls (customer, began, price) VALUES (100, '2026-01-01T00:00:00', 5.0000);
EXEC dbo.write_note @body = N'alive';
`,
		Living: enginetest.Question{
			Query: `SELECT (SELECT customers FROM dbo.tally) AS customers, (SELECT seconds FROM dbo.calls WHERE customer = 100) AS seconds,
(SELECT COUNT(*) FROM dbo.notes WHERE body = N'alive') AS notes, (SELECT total FROM dbo.bills WHERE name = N'alive') AS total`,
			Want: [][]string{{"4", "60", "1", "5.0000"}},
		},
		Move: `
BEGIN TRANSACTION;
UPDATE dbo.accounts SET balance = balance - 7 WHERE id = 1;
UPDATE dbo.till SET amount = amount + 7;
INSERT INTO dbo.moves (amount) VALUES (7);
COMMIT TRANSACTION;
`,
		Sum: enginetest.Question{
			Query: `SELECT (SELECT SUM(balance) FROM dbo.accounts) + (SELECT SUM(amount) FROM dbo.till) AS total,
(SELECT SUM(amount) FROM dbo.till) - (SELECT COALESCE(SUM(amount), 0) FROM dbo.moves) AS difference`,
			Want: [][]string{{"2000000", "0"}},
		},
		Mutations: []enginetest.Mutation{
			{Name: "insert", Script: "INSERT INTO dbo.notes (body) VALUES (N'one'), (N'more');", Table: "dbo.notes", Rows: 2},
			{Name: "update", Script: "UPDATE dbo.customers SET city = N'Bern' WHERE id = 2;", Table: "dbo.customers", Rows: 1},
			{Name: "delete", Script: "DELETE FROM dbo.calls WHERE customer = 1;", Table: "dbo.calls", Rows: 2},
			{Name: "exchange", Script: "UPDATE dbo.accounts SET balance = CASE id WHEN 1 THEN 999999 ELSE 1000001 END;", Table: "dbo.accounts", Rows: 2},
		},
		Losses: []enginetest.Loss{
			{Name: "rows", Script: "DELETE FROM dbo.calls WHERE customer = 1;", Says: "dbo.calls"},
			{Name: "a table", Script: "DROP TABLE dbo.notes;", Says: "dbo.notes"},
			{Name: "a view", Script: "DROP VIEW dbo.bills;", Says: "view"},
			{Name: "a procedure", Script: "DROP PROCEDURE dbo.write_note;", Says: "routine"},
			{Name: "a trigger", Script: "DROP TRIGGER dbo.count_customers;", Says: "trigger"},
			{Name: "a sequence", Script: "DROP SEQUENCE dbo.tickets;", Says: "sequence"},
			{Name: "an index", Script: "DROP INDEX ix_calls_customer ON dbo.calls;", Says: "index"},
		},
		Fix: `UPDATE dbo.customers SET city = N'standby' WHERE id = 1;
GO
DELETE FROM dbo.notes WHERE body = N'twice';
INSERT INTO dbo.moves (amount) VALUES (0);
GO
DROP TRIGGER dbo.count_customers;
`,
		Fixed: enginetest.Question{
			Query: `SELECT city, (SELECT COUNT(*) FROM dbo.notes WHERE body = N'twice') AS notes, (SELECT COUNT(*) FROM sys.triggers) AS triggers
FROM dbo.customers WHERE id = 1`,
			Want: [][]string{{"standby", "0", "0"}},
		},
		FixFails: `UPDATE dbo.customers SET city = N'standby' WHERE id = 1;
GO
UPDATE dbo.nowhere SET a = 1;
GO
UPDATE dbo.customers SET city = N'further' WHERE id = 1;
`,
		FixSays: "UPDATE dbo.nowhere SET a = 1",
		Write:   "INSERT INTO dbo.notes (body) VALUES (N'written');",
	}
}
