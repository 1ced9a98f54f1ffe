package main

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"

	"failoverd/config"
)

// doors are where the standby's own databases of a server are reached by TCP: what is asked in a drill may go there, and
// nowhere else. An address that moves with the service is the application's own.
func doors(c config.Server) []netip.AddrPort {
	var list []netip.AddrPort
	for _, d := range c.Databases {
		at := dataSourceAt(d.Engine, d.Standby.DSN)
		moves := slices.ContainsFunc(c.Takeover.ServiceAddresses, func(p netip.Prefix) bool { return p.Addr() == at.Addr() })
		if at.IsValid() && !moves && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

// dataSourceAt is where a data source is reached by TCP. It is zero where that is another way, or a name that would have
// to be looked up.
func dataSourceAt(engine, dsn string) netip.AddrPort {
	var host string
	var port uint16
	switch engine {
	case "postgres":
		if c, err := pgconn.ParseConfig(dsn); err == nil {
			host, port = c.Host, c.Port
		}
	case "mysql":
		c, err := mysql.ParseDSN(dsn)
		if err != nil || c.Net != "tcp" {
			return netip.AddrPort{}
		}
		if rest, ok := strings.CutPrefix(c.Addr, "localhost:"); ok {
			c.Addr = "127.0.0.1:" + rest
		}
		at, _ := netip.ParseAddrPort(c.Addr)
		return at
	case "sqlserver":
		u, err := url.Parse(dsn)
		if err != nil || u.Port() == "" && u.Query().Get("instance") != "" {
			return netip.AddrPort{} // the port of an instance is asked for by UDP
		}
		host, port = u.Hostname(), 1433
		if p := u.Port(); p != "" {
			at, err := netip.ParseAddrPort("127.0.0.1:" + p)
			if err != nil {
				return netip.AddrPort{}
			}
			port = at.Port()
		}
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.WithZone(""), port)
}
