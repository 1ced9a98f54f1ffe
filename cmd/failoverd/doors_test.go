package main

import (
	"net/netip"
	"slices"
	"testing"

	"failoverd/config"
)

func TestDataSourceAt(t *testing.T) {
	for _, one := range []struct{ engine, dsn, want string }{
		{"postgres", "postgres://fo@127.0.0.1:5433/x", "127.0.0.1:5433"},
		{"postgres", "postgres://fo@[::1]/x", "[::1]:5432"},
		{"postgres", "host=localhost user=fo", "127.0.0.1:5432"},
		{"postgres", "host=/run/postgresql user=fo", "invalid AddrPort"},
		{"postgres", "postgres://fo@db.example.com/x", "invalid AddrPort"},
		{"mysql", "fo@tcp(127.0.0.1:3307)/x", "127.0.0.1:3307"},
		{"mysql", "fo@tcp(localhost)/x", "127.0.0.1:3306"},
		{"mysql", "fo@unix(/run/mysqld/mysqld.sock)/x", "invalid AddrPort"},
		{"mysql", "no data source", "invalid AddrPort"},
		{"sqlserver", "sqlserver://fo@127.0.0.1", "127.0.0.1:1433"},
		{"sqlserver", "sqlserver://fo@192.168.11.2:1434?encrypt=disable", "192.168.11.2:1434"},
		{"sqlserver", "sqlserver://fo@127.0.0.1?instance=SQLEXPRESS", "invalid AddrPort"},
		{"sqlserver", "sqlserver://fo@127.0.0.1:1500?instance=SQLEXPRESS", "127.0.0.1:1500"},
		{"sqlite", "/copies/", "invalid AddrPort"},
	} {
		if got := dataSourceAt(one.engine, one.dsn).String(); got != one.want {
			t.Errorf("%s %s: %s, want %s", one.engine, one.dsn, got, one.want)
		}
	}
}

func TestDoorsOfAServer(t *testing.T) {
	database := func(dsn string) config.Database {
		return config.Database{Engine: "postgres", Standby: config.DataSource{DSN: dsn}}
	}
	got := doors(config.Server{
		Takeover: config.Takeover{ServiceAddresses: []netip.Prefix{netip.MustParsePrefix("192.168.11.1/24")}},
		Databases: []config.Database{
			database("host=127.0.0.1"), database("host=127.0.0.1 dbname=other"), database("host=/run/postgresql"), database("host=192.168.11.1"), database("host=192.168.11.9"),
		},
	})
	want := []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:5432"), netip.MustParseAddrPort("192.168.11.9:5432")}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
