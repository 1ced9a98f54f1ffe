package alerts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wneessen/go-mail/smtp"
)

// login authenticates by the best mechanism that the server offers. The library's own discovery does not know that
// a connection is encrypted from the start when it was dialled by somebody else, and refuses to log in.
type login struct {
	username, password, host string
	plaintext                bool // whether the password may cross a connection that is not encrypted
	smtp.Auth                     // the chosen mechanism
}

// Start chooses the mechanism.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	for _, m := range []struct {
		name  string
		auth  func() smtp.Auth
		bares bool // it shows the password to whoever listens
	}{
		{"SCRAM-SHA-256", func() smtp.Auth { return smtp.ScramSHA256Auth(l.username, l.password) }, false},
		{"SCRAM-SHA-1", func() smtp.Auth { return smtp.ScramSHA1Auth(l.username, l.password) }, false},
		{"CRAM-MD5", func() smtp.Auth { return smtp.CRAMMD5Auth(l.username, l.password) }, false},
		{"PLAIN", func() smtp.Auth { return smtp.PlainAuth("", l.username, l.password, l.host, l.plaintext) }, true},
		{"LOGIN", func() smtp.Auth { return smtp.LoginAuth(l.username, l.password, l.host, l.plaintext) }, true},
		{"NTLM", func() smtp.Auth { return smtp.NTLMAuth(l.username, l.password, "") }, false},
	} {
		if slices.Contains(server.Auth, m.name) && (!m.bares || server.TLS || l.plaintext) {
			l.Auth = m.auth()
			return l.Auth.Start(server)
		}
	}
	switch {
	case len(server.Auth) == 0 && !server.TLS:
		return "", nil, fmt.Errorf("a username is given, but the server offers no authentication over an unencrypted connection")
	case len(server.Auth) == 0:
		return "", nil, fmt.Errorf("a username is given, but the server offers no authentication")
	}
	return "", nil, fmt.Errorf("the server offers no authentication that can be used here (it offers %s, encrypted: %t)",
		strings.Join(server.Auth, " "), server.TLS)
}
