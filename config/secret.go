package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Secret is a password, or where it is kept. Printing, logging or marshalling
// one gives ***; only Reveal gives the value.
type Secret struct {
	kind   string // "", "text", "file", "env" or "credential"
	source string // path, variable or credential name; "" for text
	// value is for text only, and behind a pointer because fmt prints the
	// content of unexported fields without asking any method.
	value *string
}

// masked is all that a secret ever shows of its value.
const masked = "***"

// maxSecret bounds what is read from a secret's file, in bytes.
const maxSecret = 64 << 10

// IsZero tells whether no secret was configured.
func (s Secret) IsZero() bool { return s.kind == "" }

// Equal tells whether both come from the same source, or are the same text.
func (s Secret) Equal(o Secret) bool {
	if s.kind != o.kind || s.source != o.source || (s.value == nil) != (o.value == nil) {
		return false
	}
	return s.value == nil || *s.value == *o.value
}

// String gives ***.
func (s Secret) String() string { return masked }

// GoString gives ***, so that %#v shows nothing either.
func (s Secret) GoString() string { return masked }

// Format gives *** for every verb: without it %d or %x would print the fields.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, masked) }

// MarshalJSON gives "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalText gives ***; YAML and XML encoders use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue gives ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// Source says where the secret comes from, in words that hold no secret.
func (s Secret) Source() string {
	switch s.kind {
	case "":
		return "none"
	case "text":
		return "written in the configuration"
	case "file":
		return "file " + s.source
	case "env":
		return "environment variable " + s.source
	}
	return "systemd credential " + s.source
}

// Reveal reads the secret at the time of use, so that a changed file needs no
// reload. One line end at the end of a file is not part of the secret. It fails
// when the source is missing, empty or too large.
func (s Secret) Reveal() (string, error) {
	switch s.kind {
	case "":
		return "", nil
	case "text":
		return *s.value, nil
	case "env":
		if v := os.Getenv(s.source); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("reading secret from environment variable %s: it is not set", s.source)
	}
	path := s.path()
	if path == "" {
		return "", fmt.Errorf("reading systemd credential %s: $CREDENTIALS_DIRECTORY is not set", s.source)
	}
	data, err := readRegular(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("reading secret: %w", err)
	}
	v := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if v == "" {
		return "", fmt.Errorf("reading secret from %s: the file is empty", path)
	}
	return v, nil
}

// path is the file that holds the secret, "" if there is none.
func (s Secret) path() string {
	switch s.kind {
	case "file":
		return s.source
	case "credential":
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
			return filepath.Join(dir, s.source)
		}
	}
	return ""
}

// checkSecret looks at a secret's source as it is now. A file that is missing
// or open to others is an error. A variable or a credential may exist only in
// the service's own environment, so its absence is a notice.
func checkSecret(r *report, at spot, s Secret) {
	switch s.kind {
	case "file":
		info, err := os.Stat(s.source)
		switch {
		case errors.Is(err, os.ErrNotExist):
			r.errorf(at, "make the file with mode 0600, or name another one", "%s does not exist", s.source)
		case err != nil:
			r.errorf(at, "check it as root or as the service's user", "%s cannot be examined (%v)", s.source, pathCause(err))
		case !info.Mode().IsRegular():
			r.errorf(at, "name a regular file", "%s is not a regular file", s.source)
		case info.Mode().Perm()&0o077 != 0:
			r.errorf(at, "run: chmod 0600 "+s.source, "%s is open to others (mode %04o)", s.source, info.Mode().Perm())
		case info.Size() == 0:
			r.errorf(at, "write the secret into it", "%s is empty", s.source)
		case info.Size() > maxSecret:
			r.errorf(at, "name the file that holds the secret alone", "%s is larger than 64 KiB", s.source)
		}
	case "env":
		if os.Getenv(s.source) == "" {
			r.notice(at, "environment variable "+s.source+" is not set here", "the service needs it in its own environment (Environment= or EnvironmentFile= of the unit)")
		}
	case "credential":
		if path := s.path(); path == "" {
			r.notice(at, "credential "+s.source+" cannot be looked at here", "the service gets it from LoadCredential="+s.source+":PATH of its unit")
		} else if _, err := os.Stat(path); err != nil {
			r.errorf(at, "add LoadCredential="+s.source+":PATH to the service's unit", "credential %s is not in $CREDENTIALS_DIRECTORY", s.source)
		}
	}
}
