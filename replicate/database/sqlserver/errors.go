package sqlserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
)

// serverError is what a server said, the reason first. The driver puts the last message first, which is only that the
// statement "is terminating abnormally".
type serverError struct{ messages []mssql.Error }

func (e *serverError) Error() string {
	var parts []string
	for _, m := range e.messages {
		parts = append(parts, fmt.Sprintf("%s (%d)", strings.TrimSuffix(strings.TrimSpace(m.Message), "."), m.Number))
	}
	if hint := remedies[e.messages[0].Number]; hint != "" {
		parts = append(parts, hint)
	}
	return strings.Join(parts, "; ")
}

// remedies say what to do about the first message, where its text leaves people alone with it.
var remedies = map[int32]string{
	911:   "does the catalog's name in the configuration agree with the server's, and may the account see it?",
	3110:  "the account needs CREATE ANY DATABASE",
	3201:  "look whether the service account of this SQL Server may read and write the directory",
	3202:  "look whether the directory's disk is full",
	3169:  "the target's SQL Server has to be of the same version as the source's, or of a newer one",
	3241:  "the file was damaged, or is not a backup",
	3257:  "make room on the volume, or take old databases away",
	4060:  "the account needs a user in the catalog: CREATE USER ... FOR LOGIN ...",
	18456: "the server's own error log tells the reason by its state",
}

// busy are the numbers that say that somebody else was in the way, and that it may be tried again: deadlock, lock
// time-out, another backup, in use, not exclusively locked, in single user mode.
var busy = []int32{1205, 1222, 3023, 3101, 3702, 5030, 5061, 5064, 924}

// inWords gives a driver's error its whole chain.
func inWords(err error) error {
	var said mssql.Error
	if !errors.As(err, &said) {
		return err
	}
	messages := said.All
	if len(messages) == 0 {
		messages = []mssql.Error{said}
	}
	return &serverError{messages: messages}
}

// says tells whether one of the numbers is among what the server said.
func says(err error, numbers ...int32) bool {
	var e *serverError
	return errors.As(err, &e) && slices.ContainsFunc(e.messages, func(m mssql.Error) bool {
		return slices.Contains(numbers, m.Number)
	})
}

// answered tells whether an error is something that the server said, and not that it could not be heard.
func answered(err error) bool {
	var e *serverError
	return errors.As(err, &e)
}
