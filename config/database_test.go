package config

import (
	"strings"
	"testing"
)

func TestDatabaseNotices(t *testing.T) {
	c := mustParse(t, `
servers:
  - name: A
    address: 192.168.11.1
    takeover: {max_age: 36h}
    databases:
      - {name: hot, engine: postgres, realtime: all, replicate_daily: "01:00", primary: {dsn: a}, standby: {dsn: b}}
      - {name: never, engine: sqlite, primary: {dsn: a}, standby: {dsn: b}}
      - {name: ms, engine: sqlserver, replicate_daily: "01:00", primary: {dsn: a}, standby: {dsn: b, backups: {server: 'D:\B', path: /mnt}}}
  - {name: B, address: 192.168.11.2, takeover: {max_age: 36h}}
`)
	for _, want := range []string{
		"databases[hot].realtime: not available in this version: databases in real time",
		"databases[never]: no time of day for the complete replication",
		"databases[ms].primary: backups is missing",
		"servers[B].takeover.max_age: max_age means nothing without databases",
	} {
		if !strings.Contains(notices(c), want) {
			t.Errorf("no notice %q in\n%s", want, notices(c))
		}
	}
	if strings.Contains(notices(c), "servers[A].takeover.max_age") || strings.Contains(notices(c), "databases[ms].standby") {
		t.Errorf("too much is said:\n%s", notices(c))
	}
	if b := c.Servers[0].Databases[2].Standby.Backups; b == nil || b.Server != `D:\B` || b.Path != "/mnt" {
		t.Errorf("backups: %+v", b)
	}
}
