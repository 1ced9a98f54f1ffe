package standin

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"failoverd/internal/atomicfile"
)

// File names in the server's own directory.
const (
	EnvironmentFile = "standin.env" // the environment, for EnvironmentFile= in a unit and for `.` in a shell
	LogFile         = "standin.log" // what the start command, and what it left running, wrote
)

// Environment is what the stand-in is told about the server whose work it does.
type Environment struct {
	Server    string       // FAILOVERD_SERVER: the name of the server
	Addresses []netip.Addr // FAILOVERD_ADDRESSES: the service addresses, with spaces between them
	Catalogs  []Catalog    // the databases, in the order of the configuration
	Role      Role         // FAILOVERD_ROLE
}

// Role is what the application is asked for. The zero value is StandingIn.
type Role string

// The roles. In a drill nothing is started, and nobody's users are served.
const (
	StandingIn Role = "standing-in"
	Primary    Role = "primary" // at the primary, by its agent
	Drill      Role = "drill"
)

// Catalog is one database, and where the stand-in finds its copy. Each value stands in a list of its own, one a line in
// the same order, since a name may hold a space.
type Catalog struct {
	Name string // FAILOVERD_CATALOGS: at the primary
	Copy string // FAILOVERD_COPIES: at the standby
	DSN  string // FAILOVERD_DSNS: the data source of the standby, without a password
}

// variables returns the environment as NAME, value pairs in a fixed order. dir is the server's own directory.
func (e Environment) variables(dir string) [][2]string {
	addresses := make([]string, len(e.Addresses))
	for i, a := range e.Addresses {
		addresses[i] = a.String()
	}
	var names, copies, sources []string
	for _, c := range e.Catalogs {
		names, copies, sources = append(names, c.Name), append(copies, c.Copy), append(sources, c.DSN)
	}
	role := e.Role
	if role == "" {
		role = StandingIn
	}
	return [][2]string{
		{"FAILOVERD_SERVER", e.Server},
		{"FAILOVERD_ADDRESSES", strings.Join(addresses, " ")},
		{"FAILOVERD_DATA_DIR", dir},
		{"FAILOVERD_CATALOGS", strings.Join(names, "\n")},
		{"FAILOVERD_COPIES", strings.Join(copies, "\n")},
		{"FAILOVERD_DSNS", strings.Join(sources, "\n")},
		{"FAILOVERD_ROLE", string(role)},
	}
}

// list returns the environment as exec wants it.
func (e Environment) list(dir string) []string {
	var out []string
	for _, v := range e.variables(dir) {
		out = append(out, v[0]+"="+v[1])
	}
	return out
}

// file returns the environment in the form that both systemd's EnvironmentFile= and a POSIX shell read alike: in
// double quotes, with a backslash before the four characters that mean something inside them (systemd.exec(5)).
func (e Environment) file(dir string) []byte {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", `$`, `\$`)
	var b bytes.Buffer
	b.WriteString("# Written by failoverd before each start of the stand-in. Changes are overwritten.\n")
	for _, v := range e.variables(dir) {
		fmt.Fprintf(&b, "%s=\"%s\"\n", v[0], escape.Replace(v[1]))
	}
	return b.Bytes()
}

// write puts the environment into EnvironmentFile in dir. systemd cannot be told the environment of a unit that is
// installed: SetUnitProperties takes Environment= only while a transient unit is being made. So units name this file.
// A file that already says the same is left alone, so that a start does not need a disk that can be written.
func (e Environment) write(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	want := e.file(dir)
	switch have, err := root.ReadFile(EnvironmentFile); {
	case err == nil && bytes.Equal(have, want):
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return atomicfile.Write(root, EnvironmentFile, want, 0o640)
}
