package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"failoverd/replicate/agent/agentconfig"
)

var sameAddresses = cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})

func TestWhatThereIsTravels(t *testing.T) {
	dir := t.TempDir()
	execute(t, dir+"/a.db", "CREATE TABLE a (b)")
	c := &agentconfig.Config{Name: "pbx", Discover: agentconfig.Discover{Directories: []string{dir}}}
	agent, standby := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(t.Context(), agent, c) }()
	got, err := Ask(t.Context(), standby)
	if err := errors.Join(err, <-served); err != nil {
		t.Fatal(err)
	}
	if got.Name != "pbx" || len(got.SQLite) != 1 || got.SQLite[0].Path != dir+"/a.db" || got.Kernel == "" {
		t.Errorf("%+v", got)
	}
}

func TestALongAnswerIsCut(t *testing.T) {
	var f Found
	for range 400 {
		f.SQLite = append(f.SQLite, SQLite{Path: fmt.Sprintf("/%s%d", strings.Repeat("x", 4000), len(f.SQLite))})
	}
	b, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Ask(t.Context(), io.NopCloser(bytes.NewReader(b)))
	if err != nil || len(got.SQLite) == 0 || len(got.SQLite) == 400 || len(got.Gaps) == 0 {
		t.Errorf("%d rows, gaps %v, %v", len(got.SQLite), got.Gaps, err)
	}
}

func TestAHostileAgentIsRefused(t *testing.T) {
	encoded := func(f Found) string {
		b, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":            {"", "EOF"},
		"no JSON":            {"hello", "invalid character"},
		"cut off":            {`{"name":"a"`, "unexpected EOF"},
		"another kind":       {`{"trees":"all"}`, "cannot unmarshal"},
		"endless":            {strings.Repeat(" ", maxDocument+1), "longer than"},
		"many rows":          {encoded(Found{Gaps: make([]Gap, maxRows+1)}), "501 gaps"},
		"a long text":        {encoded(Found{Hostname: strings.Repeat("x", maxText+1)}), "a text of 4097 bytes"},
		"an escape":          {encoded(Found{Trees: []Tree{{Directory: "/a\x1b[2J"}}}), "cannot be shown"},
		"a new line":         {encoded(Found{Backups: []Backup{{Name: "a\nservers: []"}}}), "cannot be shown"},
		"another direction":  {encoded(Found{Databases: []Database{{Version: "1\u202e2"}}}), "cannot be shown"},
		"in a socket's path": {encoded(Found{Databases: []Database{{Listens: "/a\r"}}}), "cannot be shown"},
		"in a file's path":   {encoded(Found{SQLite: []SQLite{{Path: "/a\t"}}}), "cannot be shown"},
		"in a reason":        {encoded(Found{Gaps: []Gap{{Why: "a\x7f"}}}), "cannot be shown"},
		"an interface":       {`{"addresses":[{"interface":"a\u0000","address":"10.0.0.1/8"}]}`, "cannot be shown"},
		"no address":         {`{"addresses":[{"interface":"a"}]}`, "an address is none"},
		"bad address":        {`{"addresses":[{"interface":"a","address":"10.0.0.1/99"}]}`, "prefix"},
		"a zone":             {`{"gateways":[{"interface":"a","address":"fe80::1%a\u0007"}]}`, "cannot be shown"},
		"no gateway":         {`{"gateways":[{"interface":"a"}]}`, "no address"},
	} {
		got, err := Ask(t.Context(), io.NopCloser(strings.NewReader(tt.text)))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !cmp.Equal(got, Found{}, sameAddresses) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestAnAgentThatIsSilentIsLeft(t *testing.T) {
	_, standby := net.Pipe()
	tired := errors.New("tired")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(tired)
	if _, err := Ask(ctx, standby); !errors.Is(err, tired) {
		t.Errorf("Ask: %v", err)
	}
}

func FuzzAsk(f *testing.F) {
	f.Add([]byte(`{"name":"a","addresses":[{"interface":"eth0","address":"10.0.0.1/8"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		found, err := Ask(t.Context(), io.NopCloser(bytes.NewReader(b)))
		if err != nil {
			return
		}
		if _, err := found.encode(); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}

// FuzzGreetings gives the readers of what servers say whatever there is.
func FuzzGreetings(f *testing.F) {
	f.Add([]byte("\n10.11.6-MariaDB\x00" + strings.Repeat("\x00", 34)))
	f.Add(preloginQuestion()[tdsHead:])
	f.Fuzz(func(_ *testing.T, b []byte) {
		if len(b) > 0 {
			_, _ = mysqlGreeting(b)
		}
		_ = new(Database).readPrelogin(b)
		_ = postgresError(b)
		_ = listeners(b)
		_ = sockets(b)
		_ = shares(b)
	})
}
