package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// TestGrants reads lines as MariaDB 10.11 writes them.
func TestGrants(t *testing.T) {
	a := account{name: "`f`@`%`", grants: parseGrants([]string{
		"GRANT RELOAD, PROCESS ON *.* TO `f`@`%` IDENTIFIED BY PASSWORD '*0'",
		"GRANT SELECT, SHOW VIEW ON `pbx\\_app`.* TO `f`@`%`",
		"GRANT ALL PRIVILEGES ON `shop%`.* TO `f`@`%` WITH GRANT OPTION",
		"GRANT EVENT ON `a_c`.* TO `f`@`%`",
		"GRANT SELECT (`x`), INSERT ON `mysql`.`proc` TO `f`@`%`",
		"GRANT SELECT ON `mysql`.`user` TO `f`@`%`",
		"GRANT PROXY ON ``@`%` TO `f`@`%` WITH GRANT OPTION",
		"GRANT `reader` TO `f`@`%`",
	})}
	for _, c := range []struct {
		right, schema, table string
		want                 bool
	}{
		{"RELOAD", "*", "*", true},
		{"SUPER", "*", "*", false},
		{"RELOAD", "pbx_app", "*", true},
		{"SELECT", "pbx_app", "*", true},
		{"SELECT", "pbxXapp", "*", false},
		{"TRIGGER", "pbx_app", "*", false},
		{"TRIGGER", "shop", "*", true},
		{"TRIGGER", "shop_2", "*", true},
		{"TRIGGER", "sho", "*", false},
		{"EVENT", "abc", "*", true},
		{"EVENT", "ac", "*", false},
		{"SELECT", "*", "*", false},
		{"SELECT", "mysql", "user", true},
		{"SELECT", "mysql", "proc", false},
		{"SELECT", "mysql", "*", false},
	} {
		if got := a.may(c.right, c.schema, c.table); got != c.want {
			t.Errorf("may %s on %s.%s: %v", c.right, c.schema, c.table, got)
		}
	}
	got := a.lacks(database.End{Host: "pbx"}, readNeeds(parseVersion("10.11.6-MariaDB-log"), "pbx_app"))
	var remedies []string
	for _, p := range got {
		if !p.Blocks || p.Code != "missing-right" {
			t.Errorf("problem %+v", p)
		}
		remedies = append(remedies, p.Remedy)
	}
	want := []string{"GRANT TRIGGER, EVENT ON `pbx\\_app`.* TO `f`@`%`;", "GRANT SELECT ON `mysql`.`proc` TO `f`@`%`;"}
	if diff := cmp.Diff(want, remedies); diff != "" {
		t.Errorf("remedies (-want +got):\n%s", diff)
	}
}

// TestGrantsOfMySQL reads lines as MySQL 9.7 writes them: what it calls dynamic rights without blanks, and with
// partial_revokes what is taken away from a right on everything.
func TestGrantsOfMySQL(t *testing.T) {
	a := account{name: "`f`@`%`", grants: parseGrants([]string{
		"GRANT SELECT, TRIGGER, SHOW VIEW ON *.* TO `f`@`%`",
		"GRANT SET_ANY_DEFINER,SHOW_ROUTINE,SYSTEM_USER ON *.* TO `f`@`%` WITH GRANT OPTION",
		"REVOKE SELECT, TRIGGER ON `kept`.* FROM `f`@`%`",
		"GRANT `reader`@`%` TO `f`@`%`",
	})}
	for _, c := range []struct {
		right, schema string
		want          bool
	}{
		{"SET_ANY_DEFINER", "*", true},
		{"SHOW_ROUTINE", "*", true},
		{"SYSTEM_USER", "*", true},
		{"SUPER", "*", false},
		{"TRIGGER", "open", true},
		{"TRIGGER", "kept", false},
		{"SHOW VIEW", "kept", true},
		{"SELECT", "*", true},
	} {
		if got := a.may(c.right, c.schema, "*"); got != c.want {
			t.Errorf("may %s on %s: %v", c.right, c.schema, got)
		}
	}
}

// TestReadNeeds knows what shows an account the routines, by product and version.
func TestReadNeeds(t *testing.T) {
	for version, want := range map[string]need{
		"10.6.4-MariaDB":           {"SELECT", "mysql", "proc"},
		"5.5.5-11.4.2-MariaDB-log": {"SHOW CREATE ROUTINE", "a", "*"},
		"8.0.19":                   {"SELECT", "*", "*"},
		"8.0.20-0ubuntu0":          {"SHOW_ROUTINE", "*", "*"},
		"8.4.0":                    {"SHOW_ROUTINE", "*", "*"},
	} {
		list := readNeeds(parseVersion(version), "a")
		if diff := cmp.Diff(want, list[len(list)-1], cmp.AllowUnexported(need{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", version, diff)
		}
	}
}
