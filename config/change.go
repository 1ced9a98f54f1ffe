package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// Change is one file of servers.d as it is to be: written anew, or taken away.
type Change struct {
	Server string // its name, which is that of its file too
	Text   []byte // nil: the file is taken away
}

// ServerFile is the path of the file of servers.d, beside the main file, that holds one server.
func ServerFile(main, server string) string {
	return filepath.Join(filepath.Dir(main), "servers.d", server+".yaml")
}

// LoadWith is Load as if the change had been made. Whoever sends a text is not asked how its file will be kept: a password
// in clear text in it is an error, and so is a name that is no file's.
func LoadWith(path string, c Change) (*Config, error) {
	name := ServerFile(path, c.Server)
	switch {
	case !isName(c.Server):
		return nil, Errors{{File: path, Line: 1, Column: 1, Key: "name", Problem: show(c.Server) + " cannot be a server's name", Expect: "use 1 to 63 letters, digits, dots, dashes or underscores"}}
	case len(c.Text) > maxFile:
		return nil, Errors{{File: name, Line: 1, Column: 1, Problem: "the file is larger than 1 MiB"}}
	}
	return load(path, func(sources []Source) []Source {
		main, servers := sources[:1], slices.DeleteFunc(sources[1:], func(s Source) bool { return s.Name == name })
		if c.Text != nil {
			servers = append(servers, Source{Name: name, Data: c.Text, Shared: true})
			slices.SortFunc(servers, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
		}
		return append(slices.Clone(main), servers...)
	})
}

// HoldsPassword tells whether a file of servers.d has a password in clear text in it, or cannot be read so far as to know.
func HoldsPassword(name string, text []byte) bool {
	r := &report{}
	_, secrets, ok := serverFile(r, Source{Name: name, Data: text})
	return !ok || slices.ContainsFunc(secrets, func(s secretSpot) bool { return s.value.kind == "text" })
}
