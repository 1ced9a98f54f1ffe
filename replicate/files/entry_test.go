package files

import (
	"strings"
	"testing"
)

// Which paths are in a tree: what is absolute, climbs, is not clean, too long or failoverd's own is none.
func TestCheckPath(t *testing.T) {
	long := strings.Repeat("n", maxName)
	for _, good := range []string{"a", "a/b", ".hidden", "...", "a b/c\nd", "\xff\xfe", "C:", `a\b`, long, "x/.failoverd"} {
		if err := CheckPath(good); err != nil {
			t.Errorf("%.20q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "/", "/a", "a/", "a//b", ".", "./a", "a/.", "..", "../a", "a/..", "a/../b", "a\x00b",
		long + "n", strings.Repeat("d/", maxPath/2) + "e", ".failoverd", ".FAILOVERD/stage", ".failoverd/root",
	} {
		if err := CheckPath(bad); err == nil {
			t.Errorf("%.20q was accepted", bad)
		}
	}
}

func TestEntryCheck(t *testing.T) {
	good := map[string]Entry{
		"file":      {Path: "a", Kind: File, Size: 1, Mode: 0o7777},
		"directory": {Path: "a", Kind: Directory, Mode: 0o755, Owner: "root"},
		"attributes": {Path: "a", Kind: File, Attributes: encodeAttributes([]attribute{
			{capabilities, capable}, {accessList, encodeList([]grant{{tag: 1, rights: 7}, {tag: grantUser, rights: 4, name: "anna"}})}, {"user.a", "\x00"},
		})},
		"link": {Path: "a", Kind: Symlink, Target: "../../etc/passwd"},
	}
	for name, e := range good {
		if err := e.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]Entry{
		"a path that climbs out":  {Path: "../a", Kind: File},
		"no kind":                 {Path: "a"},
		"gone":                    {Path: "a", Kind: Gone},
		"a negative size":         {Path: "a", Kind: File, Size: -1},
		"a directory with a size": {Path: "a", Kind: Directory, Size: 1},
		"type bits":               {Path: "a", Kind: File, Mode: 0o100644},
		"a link to nowhere":       {Path: "a", Kind: Symlink},
		"a file with a target":    {Path: "a", Kind: File, Target: "b"},
		"a target with NUL":       {Path: "a", Kind: Symlink, Target: "b\x00"},
		"a link with attributes":  {Path: "a", Kind: Symlink, Target: "b", Attributes: encodeAttributes([]attribute{{"user.a", ""}})},
		"a host's label":          {Path: "a", Kind: File, Attributes: encodeAttributes([]attribute{{"security.selinux", ""}})},
		"endless attributes":      {Path: "a", Kind: File, Attributes: encodeAttributes([]attribute{{"user.a", strings.Repeat("x", maxAttributes)}})},
		"an endless owner":        {Path: "a", Kind: File, Owner: strings.Repeat("o", maxOwner+1)},
	}
	for name, e := range bad {
		if err := e.check(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
