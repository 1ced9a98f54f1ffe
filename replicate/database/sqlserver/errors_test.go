package sqlserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// The driver's outer error is the last message; the reason is the first.
func TestTheReasonComesFirst(t *testing.T) {
	chain := []mssql.Error{
		{Number: 3201, Message: "Cannot open backup device 'D:\\B\\x.bak'. Operating system error 5(Access is denied.)."},
		{Number: 3013, Message: "BACKUP DATABASE is terminating abnormally."},
	}
	last := chain[1]
	last.All = chain
	err := fmt.Errorf("back up app at pbx: %w", inWords(last))
	const want = `back up app at pbx: Cannot open backup device 'D:\B\x.bak'. Operating system error 5(Access is denied.) (3201); ` +
		`BACKUP DATABASE is terminating abnormally (3013); ` +
		`look whether the service account of this SQL Server may read and write the directory`
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !says(err, 3201) || !says(err, 1, 3013) || says(err, 3202) || !answered(err) {
		t.Error("the numbers are not found again")
	}
	if broken := errors.New("EOF"); answered(inWords(broken)) || says(broken, 3201) {
		t.Error("a lost connection is no answer")
	}
	if single := inWords(mssql.Error{Number: 911, Message: "x"}); !says(single, 911) || !strings.Contains(single.Error(), "x (911)") {
		t.Errorf("a single message: %v", single)
	}
}
