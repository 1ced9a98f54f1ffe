package sqlserver

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/microsoft/go-mssqldb/msdsn"

	"failoverd/replicate/database"
)

// ours are the parameters that a data source may not set, with the reason.
var ours = map[string]string{
	"database":           "the catalog is configured beside it",
	"password":           "a password has a key of its own",
	"pwd":                "a password has a key of its own",
	"app name":           "failoverd finds its own sessions by it",
	"connection timeout": "it would end a backup that takes longer",
	"log":                "the driver's log may hold data",
}

// parameters reads the data source of an end. No error of it holds any of the data source's text, because there may be
// a password in it that does not belong there.
func parameters(e database.End, catalog, program string) (msdsn.Config, error) {
	u, err := url.Parse(e.DSN)
	if err != nil || u.Scheme != "sqlserver" || u.Hostname() == "" {
		return msdsn.Config{}, errors.New("the data source is not of the form sqlserver://USER@HOST:PORT?PARAMETERS")
	}
	if _, has := u.User.Password(); has {
		return msdsn.Config{}, errors.New("the data source holds a password, which has a key of its own")
	}
	if u.User.Username() == "" {
		return msdsn.Config{}, errors.New("the data source names no user: sqlserver://USER@HOST")
	}
	query := u.Query()
	for key := range query {
		if why, set := ours[strings.ToLower(key)]; set {
			return msdsn.Config{}, fmt.Errorf("the data source may not set %q: %s", strings.ToLower(key), why)
		}
	}
	// The driver takes the path for an instance; everybody else writes a catalog there.
	if named := strings.Trim(u.Path, "/"); named != "" && !strings.EqualFold(named, e.Catalog) {
		return msdsn.Config{}, fmt.Errorf("the data source names the catalog %s and not %s; an instance is written ?instance=%s",
			named, e.Catalog, named)
	}
	u.Path = ""
	if instance := query.Get("instance"); instance != "" {
		u.Path = "/" + instance
		query.Del("instance")
		u.RawQuery = query.Encode()
	}
	c, err := msdsn.Parse(u.String())
	if err != nil {
		return msdsn.Config{}, fmt.Errorf("data source: %w", err)
	}
	c.Database, c.AppName, c.DisableRetry, c.LogFlags = catalog, program, true, 0
	if e.Password != nil {
		if c.Password, err = e.Password(); err != nil {
			return msdsn.Config{}, fmt.Errorf("password: %w", err)
		}
	}
	return c, nil
}
