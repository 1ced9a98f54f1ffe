package mysql

import (
	"fmt"
	"strings"
	"testing"

	driverlib "github.com/go-sql-driver/mysql"

	"failoverd/replicate/database"
)

// TestRoom: how much room a server of this host has is known, unless it keeps everything in one file.
func TestRoom(t *testing.T) {
	t.Parallel()
	s := startServers(t)
	p := s.pair(t)
	probe := func() database.Report {
		t.Helper()
		r, err := Engine{}.Probe(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := probe(); r.Target.Free <= 0 || !strings.HasSuffix(r.Target.Data, "/data/") || r.Target.Unknown != "" {
		t.Errorf("the target: %+v", r.Target)
	}
	if _, err := ask(t.Context(), p.Target.DSN, "", "SET GLOBAL innodb_file_per_table = OFF"); err != nil {
		t.Fatal(err)
	}
	if r := probe(); r.Target.Free != -1 || !strings.Contains(r.Target.Unknown, "innodb_file_per_table") {
		t.Errorf("with everything in one file: %+v", r.Target)
	}
}

// TestAFullDiskIsSaid: whatever a server says of a full disk, a person is told of the disk; of other errors nobody is.
func TestAFullDiskIsSaid(t *testing.T) {
	for text, want := range map[*driverlib.MySQLError]string{
		{Number: 1021, Message: "Disk full (/tmp/x); waiting for someone to free some space"}:                       "no space left on the disk: ",
		{Number: 1114, Message: "The table 't' is full"}:                                                            "no space left on the disk: ",
		{Number: 1030, Message: `Got error 28 "No space left on device" from storage engine InnoDB`}:                "no space left on the disk: ",
		{Number: 14, Message: `Can't change size of file (Errcode: 671483760 "Unknown error 671483760")`}:           "there may be no space left on the disk: ",
		{Number: 1062, Message: "Duplicate entry '28 ' for key 'PRIMARY'"}:                                          "",
		{Number: 1030, Message: `Got error 122 "Internal (unspecified) error in handler" from storage engine Aria`}: "",
	} {
		err := cause(t.Context(), fmt.Errorf("load: %w", text))
		if got := strings.TrimSuffix(err.Error(), "load: "+text.Error()); got != want {
			t.Errorf("%v: %q, want %q before it", text, got, want)
		}
	}
}
