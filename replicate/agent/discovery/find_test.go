package discovery

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite"

	"failoverd/replicate/agent/agentconfig"
)

// A question that the kernel does not let go of costs its own answer, and no other.
func TestWhatIsStuckIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		list := []question{{"a dead disk", func(context.Context, *Found) { <-stuck }}}
		for i := range 2 * atOnce {
			list = append(list, question{"name", func(_ context.Context, f *Found) { f.Trees = append(f.Trees, Tree{Files: int64(i)}) }})
		}
		began, l := time.Now(), usual()
		f := gather(t.Context(), list, l)
		close(stuck)
		want := []Gap{{"a dead disk", "there was no answer within 9s"}}
		if diff := cmp.Diff(want, f.Gaps); diff != "" || len(f.Trees) != 2*atOnce || time.Since(began) != l.question+l.grace {
			t.Errorf("after %v, %d answers, gaps (-want +got):\n%s", time.Since(began), len(f.Trees), diff)
		}
	})
}

// execute makes a SQLite database.
func execute(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSQLiteDatabasesAreFound(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "app", "x"), nil)
	plain, log := filepath.Join(dir, "app", "plain.db"), filepath.Join(dir, "log.sqlite")
	execute(t, plain, "PRAGMA user_version = -7", "CREATE TABLE a (b)")
	execute(t, log, "PRAGMA journal_mode = wal", "CREATE TABLE a (b)")
	execute(t, filepath.Join(outside, "secret.db"), "CREATE TABLE a (b)")
	if err := os.Symlink(outside, filepath.Join(dir, "directory")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "secret.db"), filepath.Join(dir, "file.db")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "pipe.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "zeros.db"), make([]byte, 4096))
	write(t, filepath.Join(dir, "text.db"), []byte(strings.Repeat(sqliteMagic, 33))) // of no size of a database
	deep := filepath.Join(dir, strings.Repeat("d/", 9), "deep.db")
	write(t, filepath.Join(filepath.Dir(deep), "x"), nil)
	execute(t, deep, "CREATE TABLE a (b)")

	granted := filepath.Join(t.TempDir(), "granted.db")
	execute(t, granted, "CREATE TABLE a (b)")
	f, err := find(t.Context(), &agentconfig.Config{
		Discover: agentconfig.Discover{Directories: []string{dir, "/nonexistent"}},
		Databases: []agentconfig.Database{
			{Name: "plain", File: plain}, {Name: "granted", File: granted}, {Name: "lost", File: granted + ".lost"}, {Name: "zeros", File: filepath.Join(dir, "zeros.db")},
		},
	}, patient())
	if err != nil {
		t.Fatal(err)
	}
	want := []SQLite{{Path: plain, UserVersion: -7, Grant: "plain"}, {Path: log, WAL: true}, {Path: granted, Grant: "granted"}}
	slices.SortFunc(want, func(a, b SQLite) int { return strings.Compare(a.Path, b.Path) })
	for _, lost := range []string{granted + ".lost", filepath.Join(dir, "zeros.db")} {
		if !slices.ContainsFunc(f.Gaps, func(g Gap) bool { return g.What == "the database "+lost }) {
			t.Errorf("%s is not among the gaps: %+v", lost, f.Gaps)
		}
	}
	if diff := cmp.Diff(want, f.SQLite, cmpopts.IgnoreFields(SQLite{}, "Bytes")); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	for _, s := range f.SQLite {
		if info, err := os.Stat(s.Path); err != nil || info.Size() != s.Bytes {
			t.Errorf("%s: %d bytes, want %v (%v)", s.Path, s.Bytes, info, err)
		}
	}
	said := Gap{What: "all SQLite databases in " + dir, Why: "what lies more than 8 directories deep was not looked at"}
	if !contains(f.Gaps, said) {
		t.Errorf("gaps %+v, want %+v among them", f.Gaps, said)
	}
}

func TestAWalkEndsAtItsBoundsAndSaysSo(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		execute(t, filepath.Join(dir, fmt.Sprintf("%02d.db", i)), "CREATE TABLE a (b)")
	}
	for name, tt := range map[string]struct {
		bound func(*limits)
		why   string
		found int
	}{
		"entries": {func(l *limits) { l.entries = 5 }, "there were too many entries to look at all of them", 5},
		"opened":  {func(l *limits) { l.opened = 3 }, "there were too many files", 3},
		"listed":  {func(l *limits) { l.listed = 2 }, "there were too many files", 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := patient()
			tt.bound(&l)
			f, err := find(t.Context(), &agentconfig.Config{Discover: agentconfig.Discover{Directories: []string{dir}}}, l)
			if err != nil {
				t.Fatal(err)
			}
			if want := (Gap{"all SQLite databases in " + dir, tt.why}); len(f.SQLite) != tt.found || name != "listed" && !contains(f.Gaps, want) {
				t.Errorf("%d files, gaps %+v", len(f.SQLite), f.Gaps)
			}
		})
	}
}

func TestTreesAndBackupsAreMeasured(t *testing.T) {
	dir, backups := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "a", "1"), make([]byte, 10))
	write(t, filepath.Join(dir, strings.Repeat("d/", 20), "2"), make([]byte, 5))
	c := &agentconfig.Config{
		Trees:   []agentconfig.Tree{{Name: "vm", Directory: dir, Writable: true}, {Name: "gone", Directory: "/nonexistent"}},
		Backups: []agentconfig.Backup{{Name: "ct", Directory: backups, ServerDirectory: `D:\Backup`}},
	}
	f, err := find(t.Context(), c, patient())
	if err != nil {
		t.Fatal(err)
	}
	want := []Tree{{Name: "vm", Directory: dir, Writable: true, Files: 2, Bytes: 15, Complete: true}, {Name: "gone", Directory: "/nonexistent"}}
	if diff := cmp.Diff(want, f.Trees); diff != "" {
		t.Errorf("trees (-want +got):\n%s", diff)
	}
	if len(f.Backups) != 1 || f.Backups[0].Free <= 0 || f.Backups[0].ServerDirectory != `D:\Backup` {
		t.Errorf("backups %+v", f.Backups)
	}
	if !strings.Contains(fmt.Sprint(f.Gaps), "/nonexistent") {
		t.Errorf("gaps %+v", f.Gaps)
	}
	l := patient()
	l.count = 1
	if f, err = find(t.Context(), c, l); err != nil || f.Trees[0].Files != 1 || f.Trees[0].Complete {
		t.Errorf("beyond its bound: %+v, %v", f.Trees, err)
	}
}

func TestSharesAreLeftAlone(t *testing.T) {
	table := `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
90 22 0:50 / /srv/nas rw - nfs4 nas:/x rw
91 22 0:51 / /srv/my\040share rw shared:9 master:1 - cifs //nas/y rw
92 22 0:52 / /home rw - autofs systemd-1 rw
93 92 0:53 / /home rw - ext4 /dev/sdb1 rw
94 22 0:54 / /mnt/s rw - fuse.sshfs x rw
rubbish - nfs
`
	want := map[string]string{"/srv/nas": "nfs4", "/srv/my share": "cifs", "/mnt/s": "fuse.sshfs"}
	if diff := cmp.Diff(want, shares([]byte(table))); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "nas", "a"), nil)
	write(t, filepath.Join(dir, "here", "b"), nil)
	w, err := newWalk(dir, usual())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.shares = map[string]string{filepath.Join(dir, "nas"): "nfs4"}
	var seen []string
	err = w.run(t.Context(), func(name string, _ os.FileInfo) error {
		seen = append(seen, name)
		return nil
	})
	if diff := cmp.Diff([]string{"here/b"}, seen); diff != "" || err == nil || !strings.Contains(err.Error(), "nas (nfs4)") {
		t.Errorf("visited (-want +got):\n%s%v", diff, err)
	}
}

func TestAddressesOfOthersUse(t *testing.T) {
	names := map[int]string{2: "eth0"}
	at := func(link int, cidr string, flags int) netlink.Addr {
		p := netip.MustParsePrefix(cidr)
		return netlink.Addr{LinkIndex: link, Flags: flags, IPNet: &net.IPNet{
			IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
		}}
	}
	for _, tt := range []struct {
		a    netlink.Addr
		want string
	}{
		{at(2, "192.168.11.1/24", 0), "192.168.11.1/24"},
		{at(2, "2001:db8::1/64", 0), "2001:db8::1/64"},
		{at(2, "fd00::1/64", 0), "fd00::1/64"},
		{at(2, "2001:db8::2/64", unix.IFA_F_TEMPORARY), ""},
		{at(2, "2001:db8::2/64", unix.IFA_F_DEPRECATED), ""},
		{at(2, "fe80::1/64", 0), ""},
		{at(2, "169.254.3.4/16", 0), ""},
		{at(2, "127.0.0.2/8", 0), ""},
		{at(1, "192.168.11.1/24", 0), ""},
		{netlink.Addr{LinkIndex: 2}, ""},
	} {
		got, ok := usable(tt.a, names)
		if ok != (tt.want != "") || ok && got.Address.String() != tt.want {
			t.Errorf("%v: %v, %v, want %q", tt.a, got, ok, tt.want)
		}
	}
}

func TestThisHost(t *testing.T) {
	f, err := find(t.Context(), &agentconfig.Config{Name: "pbx"}, patient())
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "pbx" || f.Hostname != host || !strings.HasPrefix(f.Kernel, "Linux ") || f.OS == "" {
		t.Errorf("%+v", f)
	}
	ours, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	have := fmt.Sprint(ours)
	for _, a := range f.Addresses {
		if !strings.Contains(have, a.Address.String()) || a.Interface == "" {
			t.Errorf("%v is none of %s", a, have)
		}
	}
}

func TestNameOfTheSystem(t *testing.T) {
	text := "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"
	if got := osName([]byte(text)); got != "Debian GNU/Linux 12 (bookworm)" {
		t.Errorf("%q", got)
	}
	if got := osName([]byte("PRETTY_NAME='a\x1b[2Jb'")); got != "a?[2Jb" {
		t.Errorf("%q", got)
	}
}
