package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
)

// distinct reports what two servers share and may not: names, addresses and
// directories.
func (v *validator) distinct(servers []Server, raw []rawServer) {
	o := owners{v.r, map[string]owner{}}
	for i, s := range servers {
		r := raw[i]
		if r.Name.good() {
			o.claim("name "+strings.ToLower(s.Name), s, r.Name.spot, "the name "+show(s.Name)+" is used for another server", "give each server a name of its own (upper and lower case are the same)")
		}
		for _, a := range s.Addresses {
			o.address(a, s, v.spots[pathKey(s.Name, a)], "address")
		}
		if s.ManagementAddress.IsValid() {
			o.address(s.ManagementAddress, s, r.ManagementAddress.spot, "management address")
		}
		for _, p := range s.Takeover.ServiceAddresses {
			if !slices.Contains(s.Addresses, p.Addr()) && p.Addr() != s.ManagementAddress {
				o.address(p.Addr(), s, v.spots[serviceKey(s.Name, p)], "service address")
			}
		}
		for j, f := range s.Files {
			item := rawTree(r, j)
			o.directory(f.Directory, s, where(item.Directory.spot, item.Name.spot, item.spot), f.Name)
		}
	}
}

// rawTree is the j-th tree that was not refused as a whole.
func rawTree(r rawServer, j int) rawFileTree {
	for _, item := range r.Files.items {
		if item.bad {
			continue
		}
		if j == 0 {
			return item
		}
		j--
	}
	return rawFileTree{}
}

// owner is the server that has something already, and where it says so.
type owner struct {
	server string
	at     spot
}

type owners struct {
	r   *report
	has map[string]owner
}

func (o *owners) claim(key string, s Server, at spot, problem, expect string) {
	first, taken := o.has[key]
	if !taken {
		o.has[key] = owner{s.Name, at}
		return
	}
	if strings.HasPrefix(key, "address ") && first.server == s.Name {
		return // its own rule speaks of an address twice in one server
	}
	place := fmt.Sprintf("line %d", first.at.line)
	if first.at.file != at.file {
		place = fmt.Sprintf("%s:%d", first.at.file, first.at.line)
	}
	o.r.error(at, fmt.Sprintf("%s (%s)", problem, place), expect)
}

func (o *owners) address(a netip.Addr, s Server, at spot, kind string) {
	key := "address " + a.String()
	o.claim(key, s, at, fmt.Sprintf("the %s %s is used by server %s as well", kind, a, o.has[key].server), "give each server addresses of its own")
}

// directory refuses a directory that another tree has, or that lies within one
// or around one: their deletions would meet.
func (o *owners) directory(dir string, s Server, at spot, tree string) {
	if dir == "" || !at.set() {
		return
	}
	mine := owner{s.Name + "'s " + tree, at}
	refuse := func(other owner) {
		o.r.errorf(at, "give each tree a directory of its own", "the directory %s overlaps with that of another tree (%s)", dir, other.server)
	}
	if other, inside := o.has["around "+dir]; inside {
		refuse(other)
	}
	for up := dir; ; up = filepath.Dir(up) {
		if other, taken := o.has["directory "+up]; taken {
			refuse(other)
		}
		if up != dir {
			o.has["around "+up] = mine
		}
		if up == filepath.Dir(up) {
			break
		}
	}
	o.has["directory "+dir] = mine
}
