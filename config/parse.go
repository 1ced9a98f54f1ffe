package config

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// secretSpot is a secret and the place where it was written.
type secretSpot struct {
	spot
	value Secret
}

// Parse is Load without the file system: the first source is the main file, the
// others are the file of options.d and files of servers.d. It never panics and reports every problem of
// every file as Errors.
func Parse(files []Source) (*Config, error) {
	r := &report{}
	files = slices.Clone(files)
	for i := range files {
		// Only a file that could not be read has no data for parse.
		files[i].Data = append([]byte{}, files[i].Data...)
	}
	c, _ := parse(r, files)
	if err := r.err(); err != nil {
		return nil, err
	}
	c.Notices = r.sorted(r.notices)
	return c, nil
}

// parse reads all files. Mistakes in one file hide nothing of another.
func parse(r *report, files []Source) (*Config, []secretSpot) {
	for _, f := range files {
		r.files = append(r.files, f.Name)
	}
	c := &Config{}
	if len(files) == 0 {
		r.error(spot{file: "failoverd.yaml"}, "there is no configuration", "name a file")
		return c, nil
	}
	c.File = files[0].Name
	var raw rawFile
	var secrets []secretSpot
	read := false
	main := spot{file: files[0].Name, line: 1, column: 1}
	if d := (&decoder{r: r, file: files[0].Name, shared: files[0].Shared}); files[0].Data != nil {
		if body := tree(r, files[0]); body != nil {
			read = true
			d.section(reflect.ValueOf(&raw).Elem(), body, main)
		}
		secrets = d.secrets
	}
	for _, f := range files[1:] {
		if isOptions(f.Name) {
			secrets = append(secrets, options(r, &raw, f)...)
		}
	}
	raw.place(main)
	servers := raw.Servers.items
	for _, f := range files[1:] {
		if isOptions(f.Name) {
			continue
		}
		s, more, ok := serverFile(r, f)
		secrets = append(secrets, more...)
		if ok {
			servers = append(servers, s)
		}
	}
	v := &validator{r: r, spots: map[string]spot{}}
	c.Standby = v.standby(raw.Standby)
	v.loopback = v.loopback || !read // the interface may be lo in what could not be read
	c.Alerts = v.alerts(raw.Alerts, raw.spot)
	c.API = v.api(raw.API)
	v.defaults(raw.Defaults)
	for i := range servers {
		merge(reflect.ValueOf(&servers[i]).Elem(), reflect.ValueOf(&raw.Defaults).Elem())
		c.Servers = append(c.Servers, v.server(servers[i]))
	}
	v.distinct(c.Servers, servers)
	v.witnessed(c, raw.Standby)
	if len(servers) == 0 && len(r.errors) == 0 {
		r.notice(main.child("servers"), "no server is configured", "nothing is watched until one is added")
	}
	c.spots = v.spots
	return c, secrets
}

// serverFile reads one file of servers.d: the keys of one server, which is
// called like the file.
func serverFile(r *report, f Source) (rawServer, []secretSpot, bool) {
	var s rawServer
	at := spot{file: f.Name, line: 1, column: 1}
	name := strings.TrimSuffix(filepath.Base(f.Name), ".yaml")
	if !isName(name) {
		r.error(at, "the file's name "+show(name)+" cannot be a server's name", "use 1 to 63 letters, digits, dots, dashes or underscores before .yaml")
		return s, nil, false
	}
	if f.Data == nil {
		return s, nil, false
	}
	body := tree(r, f)
	if body == nil {
		return s, nil, false
	}
	d := &decoder{r: r, file: f.Name, shared: f.Shared}
	if pairs, ok := mapping(body); ok && len(pairs) == 1 && keyText(pairs[0]) == "servers" {
		r.error(d.spotOf(pairs[0].Key, at, "servers"), "a file in servers.d holds one server", "write the server's own keys, without servers: and without a dash")
		return s, nil, false
	}
	d.section(reflect.ValueOf(&s).Elem(), body, d.spotOf(body, at, ""))
	if s.bad {
		return s, d.secrets, false
	}
	if s.Name.good() && s.Name.value != name {
		r.errorf(s.Name.spot, "write name: "+name+", remove the key, or rename the file", "the name %s differs from the file's", show(s.Name.value))
	}
	s.Name.value = name
	if !s.Name.set() {
		s.Name.spot = s.spot
	}
	s.Name.bad = false
	return s, d.secrets, true
}
