package sqlserver

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBatches(t *testing.T) {
	tests := map[string]struct {
		script string
		want   []batch
		says   string
	}{
		"one":            {script: "SELECT 1", want: []batch{{"SELECT 1", 1, 1}}},
		"none":           {script: " \n\n", want: nil},
		"several":        {script: "SELECT 1\nGO\nSELECT 2\ngo\n\nGO\nSELECT 3\n", want: []batch{{"SELECT 1\n", 1, 1}, {"SELECT 2\n", 3, 1}, {"SELECT 3\n", 7, 1}}},
		"Windows":        {script: "SELECT 1\r\nGO\r\nSELECT 2\r\n", want: []batch{{"SELECT 1\n", 1, 1}, {"SELECT 2\n", 3, 1}}},
		"repeated":       {script: "INSERT t DEFAULT VALUES\n GO 3 -- thrice\n", want: []batch{{"INSERT t DEFAULT VALUES\n", 1, 3}}},
		"zero times":     {script: "DROP TABLE t\nGO 0\nSELECT 1", want: []batch{{"SELECT 1", 3, 1}}},
		"in a text":      {script: "PRINT 'it''s\nGO\n'\nGO\nSELECT 2", want: []batch{{"PRINT 'it''s\nGO\n'\n", 1, 1}, {"SELECT 2", 5, 1}}},
		"in a comment":   {script: "/* a /* b */\nGO\n*/ SELECT 1\nGO", want: []batch{{"/* a /* b */\nGO\n*/ SELECT 1\n", 1, 1}}},
		"in a name":      {script: "SELECT 1 AS [a\nGO\n]\nGO\nSELECT 2 AS \"b\nGO\n\"", want: []batch{{"SELECT 1 AS [a\nGO\n]\n", 1, 1}, {"SELECT 2 AS \"b\nGO\n\"", 5, 1}}},
		"quote in --":    {script: "-- don't\nGO\nSELECT 1", want: []batch{{"-- don't\n", 1, 1}, {"SELECT 1", 3, 1}}},
		"words with GO":  {script: "GOTO done\nGOING\ndone:", want: []batch{{"GOTO done\nGOING\ndone:", 1, 1}}},
		"too often":      {script: "SELECT 1\nGO 100000", says: "line 2"},
		"not so many":    {script: "SELECT 1\nGO -1", says: "line 2"},
		"GO and more":    {script: "SELECT 1\nGO SELECT", says: "line 2"},
		"GO, n and more": {script: "SELECT 1\nGO 2 3", says: "line 2"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := batches(tt.script)
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q", err, tt.says)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(batch{})); err == nil && diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzBatches: what is not a line GO is in the batches, in its order, and nothing else is.
func FuzzBatches(f *testing.F) {
	f.Add("a\nGO\nb /* GO\nGO */ 'c\nGO'")
	f.Fuzz(func(t *testing.T, script string) {
		list, err := batches(script)
		if err != nil {
			return
		}
		rest := strings.ReplaceAll(script, "\r\n", "\n")
		for _, b := range list {
			i := strings.Index(rest, b.text)
			if i < 0 {
				t.Fatalf("%q is not in %q", b.text, rest)
			}
			rest = rest[i+len(b.text):]
		}
	})
}
