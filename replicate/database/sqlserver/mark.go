package sqlserver

import "context"

// markName is an extended property of the databases that copies have made: the run that made it. Where no previous one
// is kept, it is by the mark that Rollback knows a first copy, which it drops, from a copy that it has just brought back,
// and from the primary's own database, which bears none.
const markName = "failoverd_run"

// mark tells the run that made the session's catalog, "" if none did.
func (s *session) mark(ctx context.Context) (string, error) {
	list, err := s.query(ctx, "look for the mark of a run",
		"SELECT CONVERT(nvarchar(128), value) AS [run] FROM sys.extended_properties WHERE class = 0 AND name = @p1", markName)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0].text("run"), nil
}

// setMark gives the session's catalog the mark of a run. A copy of a copy bears that of an earlier one.
func (s *session) setMark(ctx context.Context, run string) error {
	was, err := s.mark(ctx)
	if err != nil {
		return err
	}
	procedure := "sys.sp_addextendedproperty"
	if was != "" {
		procedure = "sys.sp_updateextendedproperty"
	}
	return s.exec(ctx, "mark the copy", "EXEC "+procedure+" @name = "+quote(markName)+", @value = "+quote(run))
}
