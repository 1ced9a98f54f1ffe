package mysql

import (
	"fmt"
	"slices"
	"strings"

	"failoverd/replicate/database/enginetest"
)

// schema is the suite's company with everything that MariaDB has.
const schema = "CREATE SEQUENCE tickets START WITH 1000 INCREMENT BY 10 NOCACHE;" + `
CREATE TABLE customers (
	id int NOT NULL PRIMARY KEY, name varchar(60) CHARACTER SET utf8mb4 NOT NULL CHECK (name <> ''),
	since date NOT NULL DEFAULT '2026-01-01', upper_name varchar(60) CHARACTER SET utf8mb4 AS (upper(name)) STORED,
	half decimal(10,1) AS (id / 2) VIRTUAL, UNIQUE KEY by_name (name)) COMMENT 'who; pays''s us';
CREATE TABLE calls (
	id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, customer int NOT NULL,
	at timestamp(3) NOT NULL DEFAULT '2026-11-28 12:00:00', cost decimal(14,6) NOT NULL DEFAULT 0,
	KEY by_cost (cost), KEY customer (customer), CONSTRAINT of_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE);
CREATE TABLE notes (n int, line text CHARACTER SET utf8mb4, picture longblob, FULLTEXT KEY words (line));
CREATE TABLE types (
	id int PRIMARY KEY, t tinyint, tu tinyint(3) unsigned zerofill, s smallint, m mediumint unsigned, i int unsigned, b bigint, bu bigint unsigned,
	f float, f2 float(7,2), d double, n decimal(65,30), bits bit(64), few bit(3), y year, da date, dt datetime(6), ts timestamp(6) NULL, ti time(6),
	c char(5), vc varchar(20), bi binary(5), vb varbinary(20), tt tinytext, lt longtext CHARACTER SET utf8mb4, bl blob,
	la varchar(20) CHARACTER SET latin1, u2 varchar(20) CHARACTER SET ucs2, u32 char(10) CHARACTER SET utf32, sj varchar(20) CHARACTER SET sjis,
	en enum('a', 'b''c', ',') CHARACTER SET utf8mb4, se set('x', 'y', 'z'), js json, g geometry, p point, u uuid, i6 inet6, i4 inet4, hidden int INVISIBLE);
CREATE TABLE ` + "`odd \"table\" of 'quotes'; -- ü``` (`a b` int PRIMARY KEY, `group` text, `日本` varchar(9) CHARACTER SET utf8mb4, `x``y` text, `Naïve;` varchar(20) DEFAULT 'a\\\\b\\n')" + ` CHARACTER SET utf8mb4;
CREATE TABLE parted (id int, what varchar(20), PRIMARY KEY (id)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE counted (kind int NOT NULL, n int NOT NULL AUTO_INCREMENT, ticket bigint, PRIMARY KEY (kind, n), KEY (n));
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE till (id int PRIMARY KEY, amount bigint NOT NULL);
CREATE TABLE moves (id bigint AUTO_INCREMENT PRIMARY KEY, account int NOT NULL, amount bigint NOT NULL);
CREATE TABLE tally (id int PRIMARY KEY, customers bigint NOT NULL);
INSERT INTO accounts VALUES (1, 600000), (2, 400000); INSERT INTO till VALUES (1, 0); INSERT INTO tally VALUES (1, 0);
CREATE FUNCTION spent(who int) RETURNS decimal(20,6) READS SQL DATA
BEGIN
	-- it's a comment
	RETURN (SELECT COALESCE(SUM(cost), 0) FROM calls WHERE customer = who);
END;
CREATE PROCEDURE forget(who int) DELETE FROM customers WHERE id = who;
CREATE TRIGGER customers_in AFTER INSERT ON customers FOR EACH ROW UPDATE tally SET customers = customers + 1;
CREATE TRIGGER customers_in2 AFTER INSERT ON customers FOR EACH ROW SET @seen = 'ü';
CREATE TRIGGER customers_out AFTER DELETE ON customers FOR EACH ROW BEGIN UPDATE tally SET customers = customers - 1; END;
CREATE EVENT forget_all ON SCHEDULE EVERY 1 SECOND STARTS '2037-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE COMMENT 'yearly; DO' DO DELETE FROM customers WHERE id < 0;
CREATE EVENT never ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN DELETE FROM tally; DELETE FROM till; END;
CREATE VIEW z_base AS SELECT c.name, spent(c.id) AS spent FROM customers c;
CREATE SQL SECURITY INVOKER VIEW a_spenders AS SELECT name, spent FROM z_base WHERE name <> 'it''s ` + "`x`" + `' ORDER BY name;
`

const data = `
INSERT INTO customers (id, name) VALUES (1, 'Łódź & Söhne'), (2, 'O''Hara'), (3, '漢字 "co" 😀');
INSERT INTO calls (id, customer, at, cost) VALUES (101, 1, '2026-11-28 00:00:00.123', 0.000001), (102, 1, '2026-10-25 02:30:00', 12345678.654321), (103, 3, '1970-01-02 00:00:01', 1);
INSERT INTO notes VALUES (1, 'twice', NULL), (1, 'twice', NULL), (NULL, NULL, NULL), (0, '', ''), (2, 'a\tb\nc\\N\\\r\0\Z', x'00ff5c090a0d1a27');
SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';
INSERT INTO types (id, t, tu, s, m, i, b, bu, f, f2, d, n, bits, few, y, da, dt, ts, ti, c, vc, bi, vb, tt, lt, bl, la, u2, u32, sj, en, se, js, g, p, u, i6, i4, hidden) VALUES
	(1, -128, 7, 32767, 16777215, 4294967295, -9223372036854775808, 18446744073709551615, 3.4028235e38, 12345.67, 1.7976931348623157e308,
	'12345678901234567890123456789012345.123456789012345678901234567891', b'1000000000000000000000000000000000000000000000000000000000001010', b'101', 0,
	'0000-00-00', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '-838:59:59.999999',
	'c ', ' v ', x'0001', x'00095c0a', 'tiny', repeat('ü😀', 30000), repeat(x'00', 70), 'é', 'ж', '漢', '表', 'b''c', 'x,z', '{"a": [1, "ü\\n"]}',
	ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))', 4326), ST_GeomFromText('POINT(9 10)'), '123e4567-e89b-12d3-a456-426614174000', '::1', '10.9.92.10', 5),
	(2, 0, 0, 0, 0, 0, 0, 0, 0.1, -0.01, 5e-324, 0, 0, 0, 1901, '2026-02-31', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '00:00:00',
	'', '', '', '', '', '', '', '', '', '', '', 'a', '', '[]', ST_GeomFromText('POINT(2.5 9.25)'), NULL, '00000000-0000-0000-0000-000000000000', '::', '0.0.0.0', NULL);
INSERT INTO types (id) VALUES (3);
SET sql_mode = DEFAULT;
INSERT INTO ` + "`odd \"table\" of 'quotes'; -- ü``` VALUES (-5, 'a', '日', NULL, DEFAULT), (0, '\\\\', '', '`', '\\\\N')" + `;
INSERT INTO parted VALUES (1, 'low'), (100, 'high');
INSERT INTO counted (kind, ticket) VALUES (1, nextval(tickets)), (1, nextval(tickets)), (2, nextval(tickets));
UPDATE accounts SET balance = balance - 10 WHERE id = 2; UPDATE till SET amount = amount + 10; INSERT INTO moves (account, amount) VALUES (2, 10);
`

// words are the company in the words of these servers. MySQL has no sequences and no types for addresses; it has
// vectors, defaults that are computed, and indexes of what is computed.
func (s servers) words(script string) string {
	if s.mariadb() {
		return script
	}
	return strings.NewReplacer(
		"CREATE SEQUENCE tickets START WITH 1000 INCREMENT BY 10 NOCACHE;", "",
		"(1, nextval(tickets)), (1, nextval(tickets)), (2, nextval(tickets))", "(1, 1000), (1, 1010), (2, 1020)",
		"nextval(tickets)", "1030",
		"KEY by_cost (cost),", "KEY by_cost (cost), KEY by_double ((cost * 2)), KEY unseen (at) INVISIBLE,",
		"u uuid, i6 inet6, i4 inet4", "u vector(2), i6 json DEFAULT (json_array(1)), i4 int DEFAULT ((1 + 1)), CHECK (id <> 3) NOT ENFORCED",
		"'123e4567-e89b-12d3-a456-426614174000', '::1', '10.9.92.10'", `string_to_vector('[1e-30,2.5]'), '{"ü": 1e100}', 7`,
		"'00000000-0000-0000-0000-000000000000', '::', '0.0.0.0'", "string_to_vector('[0,0]'), 'null', NULL",
	).Replace(script)
}

// dialect is the suite's company.
func (s servers) dialect() enginetest.Dialect {
	d := inMariaDB()
	d.Schema, d.Data, d.Alive = s.words(d.Schema), s.words(d.Data), s.words(d.Alive)
	if s.mariadb() {
		return d
	}
	delete(d.Objects, "sequence")
	d.Objects["index"] += 2
	d.Answers = slices.DeleteFunc(d.Answers, func(query string) bool { return strings.Contains(query, "tickets") })
	d.Bulk = func(rows int) string {
		return fmt.Sprintf(`SET cte_max_recursion_depth = %[1]d;
			INSERT INTO notes WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < %[1]d)
			SELECT n, 'bulk', CONCAT(RANDOM_BYTES(120), RANDOM_BYTES(120)) FROM numbers`, rows)
	}
	return d
}

// inMariaDB is the company in MariaDB's words.
func inMariaDB() enginetest.Dialect {
	return enginetest.Dialect{
		Schema: schema, Data: data, Contents: contents(),
		Bulk: func(rows int) string {
			return fmt.Sprintf(`INSERT INTO notes SELECT seq, 'bulk', CONCAT(RANDOM_BYTES(120), RANDOM_BYTES(120)) FROM seq_1_to_%d`, rows)
		},
		Objects: map[string]int{
			"table": 11, "view": 2, "sequence": 1, "function": 1, "procedure": 1, "trigger": 3, "event": 2,
			"index": 15, "foreign key": 1, "check": 2,
		},
		NoKey: []string{"notes"},
		Answers: []string{
			`SELECT * FROM a_spenders`, `SELECT * FROM z_base ORDER BY name`, `SELECT spent(1), spent(3)`,
			`SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION
				FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 3`,
			`SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, 3`,
			`SELECT TABLE_NAME, ENGINE, CREATE_OPTIONS, TABLE_COLLATION, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1`,
			`SELECT CONSTRAINT_NAME, TABLE_NAME, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()`,
			`SELECT ROUTINE_NAME, ROUTINE_TYPE, TRIM(TRAILING ';' FROM ROUTINE_DEFINITION), SQL_MODE, DEFINER, CHARACTER_SET_CLIENT FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1`,
			`SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_ORDER, TRIM(TRAILING ';' FROM ACTION_STATEMENT), SQL_MODE, DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1`,
			`SELECT EVENT_NAME, TRIM(TRAILING ';' FROM EVENT_DEFINITION), INTERVAL_VALUE, STARTS, ON_COMPLETION, EVENT_COMMENT, SQL_MODE, DEFINER FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY 1`,
			`SELECT TABLE_NAME, SECURITY_TYPE, DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1`,
			`SELECT next_not_cached_value, increment, cycle_count FROM tickets`,
			`SELECT PARTITION_NAME FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'parted' ORDER BY 1`,
		},
		Alive: `INSERT INTO customers (id, name) VALUES (4, 'Zeta');
			INSERT INTO calls (customer) VALUES (4);
			INSERT IGNORE INTO calls (customer) VALUES (77);
			INSERT INTO counted (kind, ticket) VALUES (1, nextval(tickets));`,
		Living: enginetest.Question{
			Query: `SELECT (SELECT customers FROM tally), (SELECT COUNT(*) FROM customers), (SELECT MAX(id) FROM calls),
				(SELECT COUNT(*) FROM calls), (SELECT MAX(ticket) FROM counted), (SELECT MAX(n) FROM counted WHERE kind = 1)`,
			Want: [][]string{{"4", "4", "104", "4", "1030", "4"}},
		},
		Move: `START TRANSACTION;
			UPDATE accounts SET balance = balance - 5 WHERE id = 1;
			UPDATE till SET amount = amount + 5;
			INSERT INTO moves (account, amount) VALUES (1, 5);
			COMMIT;`,
		Sum: enginetest.Question{
			Query: `SELECT (SELECT SUM(balance) FROM accounts) + (SELECT amount FROM till),
				(SELECT amount FROM till) - (SELECT COALESCE(SUM(amount), 0) FROM moves)`,
			Want: [][]string{{"1000000", "0"}},
		},
		Mutations: []enginetest.Mutation{
			{Name: "insert", Script: `INSERT INTO notes VALUES (1, 'new', NULL), (1, 'new', NULL)`, Table: "notes", Rows: 2},
			{Name: "update", Script: `UPDATE calls SET cost = 9.99 WHERE id = 101`, Table: "calls", Rows: 1},
			{Name: "delete", Script: `DELETE FROM calls WHERE id = 103`, Table: "calls", Rows: 1},
			{Name: "the last bit of a float", Script: `UPDATE types SET f = 0.10000001 WHERE id = 2`, Table: "types", Rows: 1},
		},
		Losses: []enginetest.Loss{
			{Name: "view", Script: `DROP VIEW a_spenders`, Says: "view"},
			{Name: "trigger", Script: `DROP TRIGGER customers_in2`, Says: "trigger"},
			{Name: "procedure", Script: `DROP PROCEDURE forget`, Says: "procedure"},
			{Name: "function", Script: `DROP FUNCTION spent`, Says: "function"},
			{Name: "event", Script: `DROP EVENT never`, Says: "event"},
			{Name: "index", Script: `DROP INDEX by_cost ON calls`, Says: "index"},
			{Name: "foreign key", Script: `ALTER TABLE calls DROP FOREIGN KEY of_customer`, Says: "foreign key"},
			{Name: "table", Script: `DROP TABLE parted`, Says: "parted"},
			{Name: "rows", Script: `DELETE FROM notes WHERE line = 'twice'`, Says: "notes"},
			{Name: "a value", Script: `UPDATE types SET few = b'100' WHERE id = 1`, Says: "types"},
		},
		Fix: `-- a script; with a semicolon in a comment
			UPDATE customers SET name = 'A;B''s' WHERE id = 1;
			CREATE TRIGGER fixed_in AFTER INSERT ON till FOR EACH ROW BEGIN DELETE FROM moves WHERE id < 0; DELETE FROM moves WHERE id < 0; END;
			DROP TRIGGER customers_in2; /* ; */
			INSERT INTO notes VALUES (NULL, 'fixed', NULL)`,
		Fixed: enginetest.Question{
			Query: `SELECT (SELECT name FROM customers WHERE id = 1), (SELECT COUNT(*) FROM notes WHERE line = 'fixed')`,
			Want:  [][]string{{"A;B's", "1"}},
		},
		FixFails: `UPDATE customers SET name = 'x' WHERE id = 1; UPDATE no_such_table SET a = 1; DELETE FROM notes;`,
		FixSays:  "no_such_table",
		Write:    `INSERT INTO notes VALUES (NULL, 'written', NULL)`,
	}
}

// contents are the tables, each with all its columns in an order of their values.
func contents() []enginetest.Contents {
	var list []enginetest.Contents
	for _, t := range [][]string{
		{"accounts", "id", "balance"},
		{"calls", "id", "customer", "at", "cost"},
		{"counted", "kind", "n", "ticket"},
		{"customers", "id", "name", "since", "upper_name", "half"},
		{"moves", "id", "account", "amount"},
		{"notes", "n", "line", "picture"},
		{"odd \"table\" of 'quotes'; -- ü`", "a b", "group", "日本", "x`y", "Naïve;"},
		{"parted", "id", "what"},
		{"tally", "id", "customers"},
		{"till", "id", "amount"},
		strings.Split("types id t tu s m i b bu f2 d n bits few y da dt ts ti c vc bi vb tt lt bl la u2 u32 sj en se js g p u i6 i4 hidden", " "),
	} {
		var columns, order []string
		for i, c := range t[1:] {
			columns = append(columns, ident(c))
			order = append(order, fmt.Sprint(i+1))
		}
		if t[0] == "types" {
			columns = append(columns, "f + 0e0", "HEX(vc)", "HEX(u2)", "HEX(u32)", "HEX(sj)")
			order = []string{"id"}
		}
		list = append(list, enginetest.Contents{
			Table: t[0], Query: "SELECT " + strings.Join(columns, ", ") + " FROM " + ident(t[0]) + " ORDER BY " + strings.Join(order, ", "),
		})
	}
	return list
}
