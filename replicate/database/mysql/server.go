package mysql

import (
	"fmt"
	"strings"
)

// server is what a server is.
type server struct {
	mariadb             bool
	version             string
	major, minor, patch int
}

// parseVersion reads what VERSION() says. MariaDB behind a proxy, or as seen by a replica, may say 5.5.5- before it.
func parseVersion(text string) server {
	s := server{mariadb: strings.Contains(text, "MariaDB")}
	if s.mariadb {
		text = strings.TrimPrefix(text, "5.5.5-")
	}
	s.version, _, _ = strings.Cut(text, "-")
	_, _ = fmt.Sscanf(s.version, "%d.%d.%d", &s.major, &s.minor, &s.patch) // What is missing is 0.
	return s
}

func (s server) product() string {
	if s.mariadb {
		return "MariaDB"
	}
	return "MySQL"
}

// before compares versions.
func (s server) before(major, minor int) bool {
	return s.major < major || s.major == major && s.minor < minor
}

// asleep is how an event is said not to run because it runs at the source.
func (s server) asleep() string {
	if s.mariadb || s.before(8, 2) {
		return "DISABLE ON SLAVE"
	}
	return "DISABLE ON REPLICA"
}

// definerRight is the right to make others the definers of something.
func (s server) definerRight() string {
	switch {
	case s.mariadb:
		return "SET USER"
	case s.before(8, 2):
		return "SET_USER_ID"
	}
	return "SET_ANY_DEFINER"
}

// shows says whether MySQL may add keys to tables by itself, and hide them.
func (s server) shows() bool {
	return !s.mariadb && (!s.before(8, 1) || s.major == 8 && s.minor == 0 && s.patch >= 30)
}

// swaps says whether renames of many tables are one, also when the server dies in the middle.
func (s server) swaps() bool {
	if s.mariadb {
		return !s.before(10, 6)
	}
	return !s.before(8, 0)
}
