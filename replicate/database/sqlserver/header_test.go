package sqlserver

import (
	"maps"
	"strings"
	"testing"

	"failoverd/replicate/database"
)

func TestCheckHeader(t *testing.T) {
	good := row{
		"databasename": "CTServer", "backuptype": int64(1), "isdamaged": false, "hasincompletemetadata": false,
		"hasbackupchecksums": true, "softwareversionmajor": int64(15), "lastlsn": []byte("37000000045600001"),
	}
	target := server{version: "16.0.1000.6", major: 16}
	if lsn, err := checkHeader([]row{good}, "CTSERVER", target); err != nil || lsn != "37000000045600001" {
		t.Errorf("a good one: %q, %v", lsn, err)
	}
	for name, tt := range map[string]struct {
		column string
		value  any
		says   string
	}{
		"another database": {"databasename", "other", "holds other and not CTSERVER"},
		"a log backup":     {"backuptype", int64(2), "of type 2"},
		"damaged":          {"isdamaged", true, "DBCC CHECKDB"},
		"incomplete":       {"hasincompletemetadata", true, "lacks a part"},
		"no checksums":     {"hasbackupchecksums", false, "no checksums"},
		"newer":            {"softwareversionmajor", int64(17), "version 17"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := maps.Clone(good)
			bad[tt.column] = tt.value
			if _, err := checkHeader([]row{bad}, "CTSERVER", target); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
		})
	}
	for _, list := range [][]row{nil, {good, good}} {
		if _, err := checkHeader(list, "CTSERVER", target); err == nil {
			t.Errorf("%d backups in a file are accepted", len(list))
		}
	}
}

func TestMisfits(t *testing.T) {
	const gib = 1 << 30
	tests := map[string]struct {
		source, target server
		bytes          int64
		want           string
	}{
		"fits":            {server{major: 15}, server{major: 16, free: -1}, gib, ""},
		"older":           {server{major: 16}, server{major: 15, free: -1}, gib, "older-target"},
		"small Express":   {server{major: 16}, server{major: 16, engineEdition: expressEdition, free: -1}, 11 * gib, "too-large"},
		"Express of 2025": {server{major: 16}, server{major: 17, engineEdition: expressEdition, free: -1}, 11 * gib, ""},
		"too much for it": {server{major: 16}, server{major: 17, engineEdition: expressEdition, free: -1}, 51 * gib, "too-large"},
		"no room":         {server{major: 16}, server{major: 16, free: gib}, 2 * gib, "no-space"},
		"room":            {server{major: 16}, server{major: 16, free: 2 * gib}, gib, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range misfits(pairOf("a", "b"), tt.source, tt.target, tt.bytes) {
				if !p.Blocks || p.Text == "" || p.Remedy == "" {
					t.Errorf("problem %+v", p)
				}
				got = append(got, p.Code)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("problems %q, want %q", got, tt.want)
			}
		})
	}
}

// pairOf is a pair of ends by their names for people.
func pairOf(source, target string) (p database.Pair) {
	p.Source.Host, p.Target.Host = source, target
	return p
}
