package sqlserver

import (
	"errors"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

func TestDataSource(t *testing.T) {
	const secret = "p@ss;w{o}rd"
	tests := map[string]struct{ dsn, host, instance, says string }{
		"host":              {dsn: "sqlserver://sa@192.168.11.1", host: "192.168.11.1"},
		"port and catalog":  {dsn: "sqlserver://sa@db.example:14330/CTSERVER?encrypt=true", host: "db.example"},
		"catalog's case":    {dsn: "sqlserver://sa@h/ctserver", host: "h"},
		"instance":          {dsn: "sqlserver://sa@h?instance=SQLEXPRESS", host: "h", instance: "SQLEXPRESS"},
		"another catalog":   {dsn: "sqlserver://sa@h/SQLEXPRESS", says: "?instance=SQLEXPRESS"},
		"password":          {dsn: "sqlserver://sa:" + "hunter2" + "@h", says: "holds a password"},
		"password in query": {dsn: "sqlserver://sa@h?Password=hunter2", says: "key of its own"},
		"database":          {dsn: "sqlserver://sa@h?database=x", says: "beside it"},
		"time-out":          {dsn: "sqlserver://sa@h?connection+timeout=30", says: "longer"},
		"no user":           {dsn: "sqlserver://h", says: "no user"},
		"other scheme":      {dsn: "postgres://sa@h", says: "sqlserver://USER@HOST"},
		"no URL":            {dsn: "server=h;password=hunter2", says: "sqlserver://USER@HOST"},
		"broken URL":        {dsn: "sqlserver://sa:hunter2@h:%zz", says: "sqlserver://USER@HOST"},
		"bad parameter":     {dsn: "sqlserver://sa@h?packet+size=many", says: "packet size"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			end := database.End{DSN: tt.dsn, Catalog: "CTSERVER", Password: func() (string, error) { return secret, nil }}
			got, err := parameters(end, master, "failoverd x")
			if err != nil {
				if tt.says == "" || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("error %v, want %q and no password", err, tt.says)
				}
				return
			}
			if tt.says != "" {
				t.Fatalf("accepted, want %q", tt.says)
			}
			if got.Host != tt.host || got.Instance != tt.instance || got.Database != master || got.Password != secret ||
				got.AppName != "failoverd x" || got.ConnTimeout != 0 || !got.DisableRetry {
				t.Errorf("got %+v", got)
			}
		})
	}
	unread := errors.New("no such file")
	_, err := parameters(database.End{DSN: "sqlserver://sa@h", Password: func() (string, error) { return "", unread }}, master, program)
	if !errors.Is(err, unread) {
		t.Errorf("error %v, want %v", err, unread)
	}
}
