package mysql

import (
	"database/sql/driver"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequalified(t *testing.T) {
	for _, c := range []struct {
		statement, want string
		clear           bool
	}{
		{"select `app`.`c`.`n` from `app`.`c`", "select `pbx_app`.`c`.`n` from `pbx_app`.`c`", true},
		{"insert into app.c values ('app.c', \"app.c\", app2.c, xapp.c, c.app.n, @app.x)", "insert into `pbx_app`.c values ('app.c', \"app.c\", app2.c, xapp.c, c.app.n, @app.x)", true},
		{"select 1 -- app.c isn't\n, app.f() /* app.c' */ # app.c'\n from app.c", "select 1 -- app.c isn't\n, `pbx_app`.f() /* app.c' */ # app.c'\n from `pbx_app`.c", true},
		{"select app.n from c app", "select `pbx_app`.n from c app", false},
		{"select 'it''s \\' app.c', `a``p`.x from app.c", "select 'it''s \\' app.c', `a``p`.x from `pbx_app`.c", true},
		{"select 'open app.c", "select 'open app.c", true},
	} {
		got, clear := requalified([]byte(c.statement), "app", "pbx_app")
		if string(got) != c.want || clear != c.clear {
			t.Errorf("%s:\ngot  %s, %v\nwant %s, %v", c.statement, got, clear, c.want, c.clear)
		}
	}
}

func TestEventStatus(t *testing.T) {
	const on = "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE COMMENT 'ON COMPLETION PRESERVE ENABLE' DO DELETE FROM t"
	off := strings.Replace(on, "ENABLE COMMENT", "DISABLE ON SLAVE COMMENT", 1)
	asleep := strings.Replace(on, "ENABLE COMMENT", "DISABLE ON REPLICA COMMENT", 1)
	never := strings.Replace(on, "ENABLE COMMENT", "DISABLE COMMENT", 1)
	for _, c := range []struct{ name, got, want string }{
		{"inactive", string(inactive([]byte(on), parseVersion("10.11.6-MariaDB").asleep())), off},
		{"inactive in MySQL 8.0", string(inactive([]byte(on), parseVersion("8.0.44").asleep())), off},
		{"inactive in MySQL 8.4", string(inactive([]byte(on), parseVersion("8.4.0").asleep())), asleep},
		{"active again in MySQL 8.4", string(active([]byte(asleep))), on},
		{"active again", string(active([]byte(off))), on},
		{"never active", string(active([]byte(never))), never},
		{"inactive twice", string(inactive([]byte(off), "DISABLE ON SLAVE")), off},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s", c.name, c.got)
		}
	}
}

func TestTakeApart(t *testing.T) {
	statement := func(lines ...string) string {
		return "CREATE TABLE `t` (\n  " + strings.Join(lines, ",\n  ") + "\n) ENGINE=InnoDB COMMENT='KEY `x`'"
	}
	all := statement("`id` int(11) NOT NULL AUTO_INCREMENT", "`KEY ` text", "PRIMARY KEY (`id`)", "UNIQUE KEY `u` (`KEY `(9))",
		"KEY `k` (`id`)", "FULLTEXT KEY `f` (`KEY `)", "CONSTRAINT `c` FOREIGN KEY (`id`) REFERENCES `o` (`id`)", "CONSTRAINT `d` CHECK (`id` > 0)")
	for _, c := range []struct {
		name, engine, create string
		want                 outline
	}{
		{"all", "InnoDB", all, outline{
			name: "t", create: statement("`id` int(11) NOT NULL AUTO_INCREMENT", "`KEY ` text", "PRIMARY KEY (`id`)", "CONSTRAINT `d` CHECK (`id` > 0)"),
			indexes: []string{"UNIQUE KEY `u` (`KEY `(9))", "KEY `k` (`id`)"}, singles: []string{"FULLTEXT KEY `f` (`KEY `)"},
			foreign: []string{"CONSTRAINT `c` FOREIGN KEY (`id`) REFERENCES `o` (`id`)"},
		}},
		{"another engine", "Aria", all, outline{name: "t", create: all}},
		{
			"no primary key", "InnoDB", statement("`a` int", "UNIQUE KEY `a` (`a`)"),
			outline{name: "t", create: statement("`a` int", "UNIQUE KEY `a` (`a`)")},
		},
		{
			"counted by another key", "InnoDB", statement("`a` int", "`n` int AUTO_INCREMENT", "PRIMARY KEY (`a`,`n`)", "KEY `n` (`n`)"),
			outline{name: "t", create: statement("`a` int", "`n` int AUTO_INCREMENT", "PRIMARY KEY (`a`,`n`)", "KEY `n` (`n`)")},
		},
	} {
		got := takeApart("t", c.engine, c.create)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(outline{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestAppendLine(t *testing.T) {
	got, err := appendLine(nil, []driver.Value{nil, int64(-1), uint64(1<<64 - 1), 0.1, 1.7976931348623157e308, []byte("a\tb\nc\\N\x00"), []byte{}})
	want := "\\N\t-1\t18446744073709551615\t0.1\t1.7976931348623157e+308\ta\\\tb\\\nc\\\\N\x00\t\n"
	if err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := appendLine(nil, []driver.Value{true}); err == nil {
		t.Error("a value of an unknown kind was taken")
	}
}
