package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"failoverd/replicate/database"
)

// TestVersions pairs servers of which some do not go together.
func TestVersions(t *testing.T) {
	for _, c := range []struct {
		source, target string
		want           []string
	}{
		{"10.11.19-MariaDB-log", "10.11.6-MariaDB", nil},
		{"10.11.19-MariaDB-log", "11.8.9-MariaDB-0+deb13u1", nil},
		{"11.8.9-MariaDB-0+deb13u1", "10.11.19-MariaDB", []string{"older-target"}},
		{"10.5.2-MariaDB", "10.5.9-MariaDB", []string{"old-target"}},
		{"8.0.44", "9.7.4-2", nil},
		{"9.7.4-2", "8.4.0", []string{"older-target"}},
		{"5.7.44", "5.7.44", []string{"old-target"}},
		{"8.0.44", "10.11.19-MariaDB", []string{"other-product"}},
		{"10.11.19-MariaDB", "9.7.4-2", []string{"other-product"}},
	} {
		var got []string
		for _, p := range versions(database.Pair{}, parseVersion(c.source), parseVersion(c.target)) {
			if !p.Blocks {
				t.Errorf("%s to %s: %s does not block", c.source, c.target, p.Code)
			}
			got = append(got, p.Code)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s to %s (-want +got):\n%s", c.source, c.target, diff)
		}
	}
}
