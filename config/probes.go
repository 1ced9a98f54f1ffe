package config

import (
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// probes reads the further questions. Kinds that this version does not ask are
// checked like the others, and left out with a notice.
func (v *validator) probes(raw list[rawProbe]) []Probe {
	var probes []Probe
	var names []string
	for _, item := range raw.items {
		if item.bad {
			continue
		}
		p, ok := v.probe(item)
		if slices.Contains(names, p.Name) {
			v.r.errorf(where(item.Name.spot, item.spot), "give each probe of a server a name of its own", "two probes are called %s", show(p.Name))
		}
		names = append(names, p.Name)
		if ok {
			probes = append(probes, p)
		}
	}
	return probes
}

func (v *validator) probe(raw rawProbe) (Probe, bool) {
	p := Probe{
		Failure:   v.choice(raw.Failure, "degraded", "info", "degraded", "failure"),
		Interval:  v.lasting(raw.Interval, 10*time.Second, 100*time.Millisecond, 24*time.Hour),
		Timeout:   v.lasting(raw.Timeout, 3*time.Second, minTimeout, 24*time.Hour),
		FailAfter: v.within(raw.FailAfter, 3, 1, maxMisses),
		TCP:       v.remote(raw.TCP),
		HTTP:      v.http(raw.HTTP),
		Command:   v.command(raw.Command, true),
	}
	v.shorter(raw.Timeout, raw.Interval, p.Timeout, p.Interval)
	p.Kind = v.kind(raw)
	p.Name = p.Kind
	if raw.Name.set() {
		p.Name = v.name(raw.Name)
	}
	switch p.Kind {
	case "sql":
		v.required(raw.SQL.Query.spot, raw.SQL.spot, "query", "write the query, such as SELECT 1")
		v.required(raw.SQL.Database.spot, raw.SQL.spot, "database", "write the name of one of the server's databases")
		v.r.notice(where(raw.Kind.spot, raw.SQL.spot), "not available in this version: probes of kind sql", "it is not asked; a tcp probe can ask the database's port")
	}
	return p, p.Kind != "" && p.Kind != "sql"
}

// kind finds a probe's kind, which its question tells; one that is written must
// agree with it.
func (v *validator) kind(raw rawProbe) string {
	kinds := []struct {
		name string
		is   spot
	}{{"tcp", raw.TCP.spot}, {"http", raw.HTTP.spot}, {"command", raw.Command.spot}, {"sql", raw.SQL.spot}}
	kind := v.choice(raw.Kind, "", "tcp", "http", "command", "sql", "agent")
	if raw.Kind.set() && kind == "" {
		return ""
	}
	var asked []string
	for _, k := range kinds {
		if k.is.set() {
			asked = append(asked, k.name)
		}
	}
	switch {
	case len(asked) > 1:
		v.r.error(raw.spot, "the probe asks "+asked[0]+" and "+asked[1], "make a probe of each")
	case kind == "agent" && len(asked) == 1:
		v.r.error(raw.Kind.spot, "a probe of kind agent has no key "+asked[0], "remove "+asked[0]+" or kind")
	case kind == "agent":
		return kind
	case len(asked) == 0 && kind == "":
		v.r.error(raw.spot, "the probe asks nothing", "write tcp, http, command or kind: agent")
	case len(asked) == 0:
		v.r.error(raw.spot, "the probe of kind "+kind+" asks nothing", "write the key "+kind+" as well")
	case kind != "" && kind != asked[0]:
		v.r.errorf(raw.Kind.spot, "remove kind, or write kind: "+asked[0], "kind is %s, but the probe asks %s", kind, asked[0])
	default:
		return asked[0]
	}
	return ""
}

// remote takes ADDRESS:PORT of another host.
func (v *validator) remote(t text) netip.AddrPort {
	a := v.endpoint(t)
	if a.IsValid() && !v.hostAddress(t, a.Addr()) {
		return netip.AddrPort{}
	}
	return a
}

func (v *validator) http(raw rawHTTP) *HTTPCheck {
	if !raw.set() || raw.bad {
		return nil
	}
	h := &HTTPCheck{Status: v.within(raw.Status, 200, 100, 599), Body: raw.Body.value}
	if v.required(raw.URL.spot, raw.spot, "url", "write what is asked, such as http://192.168.11.1/health") && raw.URL.good() {
		h.URL = v.url(raw.URL)
	}
	return h
}

// url takes an http or https URL whose host is an IP literal. Its text is not
// repeated in messages: it may hold a password.
func (v *validator) url(t text) string {
	const example = "write a URL such as http://192.168.11.1:8080/health"
	u, err := url.Parse(t.value)
	switch {
	case err != nil || u.Host == "":
		v.r.error(t.spot, "this is no URL", example)
	case u.Scheme != "http" && u.Scheme != "https":
		v.r.error(t.spot, show(u.Scheme)+" cannot be asked", example)
	case u.User != nil:
		v.r.error(t.spot, "a user or a password stands in the URL", "leave it out: everybody who may read the status sees the URL")
	default:
		v.literal(text{spot: t.spot, value: u.Hostname()}, u.Hostname())
		if port := u.Port(); port != "" {
			v.port(t, port)
		}
	}
	return t.value
}

func (v *validator) port(t text, port string) {
	if _, err := netip.ParseAddrPort("192.0.2.1:" + port); err != nil || port == "0" {
		v.r.error(t.spot, "port "+show(port)+" is out of range", "write a port from 1 to 65535")
	}
}
