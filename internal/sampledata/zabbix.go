// Package sampledata is a database that nobody here wrote: the schema and the first contents of a Zabbix server, as
// Debian ships them for three engines. It has some 170 tables, with foreign keys, images as blobs, long texts and
// triggers, and shows an engine what it was not made for.
package sampledata

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// parts are the scripts of each engine, in the order in which they are run. For SQLite, Debian has the tables only.
func parts(engine string) []string {
	switch engine {
	case "postgres":
		return []string{"zabbix-server-pgsql/schema", "zabbix-server-pgsql/images", "zabbix-server-pgsql/data"}
	case "mysql":
		return []string{"zabbix-server-mysql/schema", "zabbix-server-mysql/images", "zabbix-server-mysql/data"}
	case "sqlite":
		return []string{"zabbix-proxy-sqlite3/schema"}
	}
	return nil
}

// Zabbix returns the scripts that make and fill the database on an engine: postgres, mysql or sqlite.
func Zabbix(engine string) ([]string, error) {
	dir, err := folder()
	if err != nil {
		return nil, err
	}
	var scripts []string
	for _, part := range parts(engine) {
		script, err := read(filepath.Join(dir, part+".sql.gz"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: scripts/test-deps fetches it", err)
		}
		if err != nil {
			return nil, err
		}
		scripts = append(scripts, script)
	}
	if len(scripts) == 0 {
		return nil, fmt.Errorf("there is no sample of Zabbix for %q", engine)
	}
	return scripts, nil
}

// folder is where scripts/test-deps leaves the scripts: beside the module's tools.
func folder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "tools", "sampledata"), nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the sample data lies in the module's folder, and this is not run from there")
		}
		dir = parent
	}
}

// read unpacks one script.
func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return string(text), nil
}
