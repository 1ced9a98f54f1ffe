package tdstest

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A second client that nobody here wrote: FreeTDS's tsql.
func TestFreeTDS(t *testing.T) {
	tsql, err := exec.LookPath("tsql")
	if err != nil {
		if os.Getenv("FAILOVERD_LAB") == "require" {
			t.Fatal(err)
		}
		t.Skip("no tsql: apt-get install freetds-bin")
	}
	s := Start(t, Options{})
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), tsql, "-H", host, "-p", port, "-U", sa, "-P", secret, "-o", "q")
	command.Env = append(os.Environ(), "TDSVER=7.4")
	command.Stdin = strings.NewReader(`CREATE DATABASE [app]
GO
USE [app]
GO
CREATE TABLE dbo.t (a int, b nvarchar(20), c decimal(10, 2)); INSERT INTO dbo.t VALUES (1, N'Zoë', 1.5)
GO
SELECT a, b, c FROM dbo.t
GO
BACKUP DATABASE [app] TO DISK = N'app.bak' WITH INIT, CHECKSUM, STATS = 50
GO
BACKUP DATABASE [nobody] TO DISK = N'x'
GO
exit
`)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"1\tZoë\t1.50", "100 percent processed.", "BACKUP DATABASE successfully processed", "Msg 911",
		"Database 'nobody' does not exist.", "BACKUP DATABASE is terminating abnormally.",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
