package sqlserver

import (
	"strings"
	"testing"
	"time"

	"failoverd/replicate/database"
)

func TestQuoting(t *testing.T) {
	if got := ident(`a]b[c'd"`); got != `[a]]b[c'd"]` {
		t.Error(got)
	}
	if got := quote(`it's`); got != `N'it''s'` {
		t.Error(got)
	}
}

// Names of files have to be plain whatever a catalog is called, and no two catalogs may share them.
func TestStems(t *testing.T) {
	seen := map[string]string{}
	for _, catalog := range []string{
		"pbx_CTSERVER", "pbx_CT SERVER", "pbx_CT/SERVER", "pbx_CT_SERVER", "Zürich", "Z_rich", "..",
		strings.Repeat("x", 128), strings.Repeat("x", 127) + "y", strings.Repeat("ü", 60),
	} {
		got := stem(catalog)
		if len(got) > 2*longestStem || strings.ContainsAny(got, `/\. `) || got == "" {
			t.Errorf("stem of %q = %q", catalog, got)
		}
		if other, taken := seen[strings.ToLower(got)]; taken {
			t.Errorf("%q and %q share the stem %q", catalog, other, got)
		}
		seen[strings.ToLower(got)] = catalog
	}
	if got := stem("pbx_CTSERVER"); got != "pbx_CTSERVER" {
		t.Errorf("a plain name became %q", got)
	}
}

func TestLabelFitsAndTellsRunsApart(t *testing.T) {
	p := database.Pair{Run: "r-1", Names: database.NamesOf(strings.Repeat("ä", 200))}
	other := p
	other.Run = "r-2"
	if n := len([]rune(label(p))); n > 128 || label(p) == label(other) {
		t.Errorf("%d characters: %s", n, label(p))
	}
}

func TestGenerationsDiffer(t *testing.T) {
	at := time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)
	if a, b := generation(at), generation(at.Add(time.Microsecond)); a == b || a != "20260329-010000-000000" {
		t.Errorf("%s, %s", a, b)
	}
}

func TestBackupIsTakenAside(t *testing.T) {
	const want = "BACKUP DATABASE [app] TO DISK = N'D:\\B\\x.bak' WITH COPY_ONLY, CHECKSUM, INIT, FORMAT, STATS = 5, COMPRESSION"
	if got := backupStatement("app", `D:\B\x.bak`, true); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := backupStatement("app", "x", false); !strings.HasSuffix(got, ", NO_COMPRESSION") {
		t.Error(got)
	}
}

func TestCompressionByEdition(t *testing.T) {
	tests := []struct {
		engine  int64
		edition string
		want    bool
	}{
		{3, "Enterprise Edition: Core-based Licensing (64-bit)", true},
		{3, "Developer Edition (64-bit)", true},
		{2, "Standard Edition (64-bit)", true},
		{2, "Web Edition (64-bit)", false},
		{4, "Express Edition (64-bit)", false},
		{4, "Express Edition with Advanced Services (64-bit)", false},
		{0, "", false},
	}
	for _, tt := range tests {
		if got := compresses(tt.engine, tt.edition); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.edition, got, tt.want)
		}
	}
}
