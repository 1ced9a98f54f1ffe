package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDrill(t *testing.T) {
	c := mustParse(t, `
servers:
  - {name: A, address: 192.168.11.1, drill: {weekly: "sunday 03:00"}, takeover: {ready: {command: [/bin/ready, now], timeout: 5m}}}
  - {name: B, address: 192.168.11.2, drill: {monthly: "28 23:59", check: [/bin/check], timeout: 2m, max_age: 1000h}}
  - {name: C, address: 192.168.11.3, drill: {weekly: "sunday 03:00"}}
  - {name: D, address: 192.168.11.4, databases: [{name: d, engine: sqlite, primary: {dsn: /a}, standby: {dsn: /b/}}]}
`)
	want := []Drill{
		{Weekly: "sunday 03:00", Check: []string{"/bin/ready", "now"}, Timeout: time.Minute, MaxAge: 192 * time.Hour},
		{Monthly: "28 23:59", Check: []string{"/bin/check"}, Timeout: 2 * time.Minute, MaxAge: 1000 * time.Hour},
		{Weekly: "sunday 03:00", Timeout: time.Minute, MaxAge: 192 * time.Hour},
		{Timeout: time.Minute},
	}
	for i, s := range c.Servers {
		if diff := cmp.Diff(want[i], s.Drill); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.Name, diff)
		}
		if got := s.Rehearsable(); got != (s.Name != "C") {
			t.Errorf("%s can be rehearsed: %t", s.Name, got)
		}
	}
	if n := notices(c); !strings.Contains(n, "servers[C].drill: there is nothing to rehearse") || strings.Contains(n, "servers[D].drill") {
		t.Errorf("notices:\n%s", n)
	}
}

func TestDefaultsOfADrillReachEveryServer(t *testing.T) {
	c := mustParse(t, `
defaults: {drill: {weekly: "monday 05:30", max_age: 300h}}
servers:
  - {name: A, address: 192.168.11.1, drill: {check: [/bin/check]}}
`)
	if d := c.Servers[0].Drill; d.Weekly != "monday 05:30" || d.MaxAge != 300*time.Hour || len(d.Check) != 1 {
		t.Errorf("got %+v", d)
	}
}
