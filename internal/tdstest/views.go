package tdstest

import (
	"sort"
	"strings"
	"time"
)

// view is a view of the system: its columns as SQLite declares them, and its rows, by a query or from the server.
type view struct {
	columns string
	query   string
	rows    func(x *execution) ([][]any, error)
}

// fill makes the table that stands for a view of the system, as it is now.
func (x *execution) fill(name string) error {
	v, known := systemViews()[name]
	if !known {
		return fault(208, 16, "Invalid object name '%s'.", name)
	}
	if strings.HasPrefix(name, "sys.dm_os") && !x.account.may("VIEW SERVER STATE") {
		return fault(300, 14, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.")
	}
	table := "temp." + identifier(name)
	if _, err := x.exec("DROP TABLE IF EXISTS " + table); err != nil {
		return err
	}
	if _, err := x.exec("CREATE TEMP TABLE " + identifier(name) + " (" + v.columns + ")"); err != nil {
		return err
	}
	if v.query != "" {
		_, err := x.exec("INSERT INTO " + table + " " + v.query)
		return err
	}
	rows, err := v.rows(x)
	if err != nil {
		return err
	}
	for _, r := range rows {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(r)), ", ")
		if _, err := x.exec("INSERT INTO "+table+" VALUES ("+marks+")", r...); err != nil {
			return err
		}
	}
	return nil
}

const instant = "2006-01-02T15:04:05.000"

// systemViews are the views that are answered, with the columns that somebody asks for.
func systemViews() map[string]view {
	const object = "name sysname_text COLLATE NOCASE, object_id int, schema_id int, parent_object_id int, " +
		"type char_text(2), is_ms_shipped bit"
	objects := func(where string) view {
		return view{columns: object, query: "SELECT name, object_id, 1, parent, type, 0 FROM [tds objects] WHERE " + where}
	}
	return map[string]view{
		"sys.objects":         objects("1"),
		"sys.tables":          objects("type = 'U'"),
		"sys.views":           objects("type = 'V'"),
		"sys.procedures":      objects("type = 'P'"),
		"sys.key_constraints": objects("type IN ('PK', 'UQ')"),
		"sys.sequences":       objects("type = 'SO'"),
		"sys.foreign_keys":    objects("type = 'F'"),
		"sys.triggers": {
			columns: "name sysname_text, object_id int, parent_id int, is_ms_shipped bit",
			query:   "SELECT name, object_id, parent, 0 FROM [tds objects] WHERE type = 'TR'",
		},
		"sys.schemas": {columns: "name sysname_text, schema_id int", query: "SELECT 'dbo', 1"},
		"sys.sql_modules": {
			columns: "object_id int, definition nvarchar_text(-1)",
			query:   "SELECT object_id, definition FROM [tds objects] WHERE type IN ('V', 'P', 'TR')",
		},
		"sys.columns":    {columns: "object_id int, name sysname_text, column_id int, system_type_id int, is_identity bit", rows: columnRows},
		"sys.partitions": {columns: "object_id int, index_id int, rows bigint", rows: partitionRows},
		"sys.indexes": {
			columns: "object_id int, name sysname_text, index_id int",
			query: `SELECT object_id, name, index_id FROM [tds indexes] UNION ALL SELECT object_id, NULL, 0 FROM [tds objects]
				WHERE type = 'U' AND object_id NOT IN (SELECT parent FROM [tds objects] WHERE type = 'PK')`,
		},
		"sys.extended_properties": {
			columns: "class tinyint, major_id int, minor_id int, name sysname_text COLLATE NOCASE, value nvarchar_text(4000)",
			query:   "SELECT 0, 0, 0, name, value FROM [tds properties]",
		},
		"sys.database_principals": {
			columns: "name sysname_text COLLATE NOCASE, principal_id int, sid varchar_text(85), type char_text(1), authentication_type_desc nvarchar_text(60)",
			query:   "SELECT name, principal_id, sid, type, 'INSTANCE' FROM [tds principals]",
		},
		"sys.server_principals": {columns: "name sysname_text COLLATE NOCASE, principal_id int, sid varchar_text(85), type char_text(1)", rows: loginRows},
		"sys.databases": {
			columns: `name sysname_text COLLATE NOCASE, database_id int, state_desc nvarchar_text(60), user_access_desc nvarchar_text(60),
				is_read_only bit, recovery_model_desc nvarchar_text(60), create_date datetime_text, collation_name sysname_text`,
			rows: databaseRows,
		},
		"sys.master_files":   {columns: fileColumns, rows: func(x *execution) ([][]any, error) { return fileRows(x, false), nil }},
		"sys.database_files": {columns: fileColumns, rows: func(x *execution) ([][]any, error) { return fileRows(x, true), nil }},
		"sys.database_recovery_status": {
			columns: "database_id int, database_guid uniqueidentifier_text, recovery_fork_guid uniqueidentifier_text", rows: recoveryRows,
		},
		"sys.dm_exec_sessions": {
			columns: `session_id int, login_name nvarchar_text(128), program_name nvarchar_text(128), host_name nvarchar_text(128),
				login_time datetime_text, database_id int, is_user_process bit, open_transaction_count int, status nvarchar_text(30)`,
			rows: sessionRows,
		},
		"sys.dm_exec_requests": {
			columns: `session_id int, command nvarchar_text(32), percent_complete real, estimated_completion_time bigint,
				database_id int, start_time datetime_text`,
			rows: requestRows,
		},
		"sys.dm_os_volume_stats": {
			columns: "available_bytes bigint",
			rows:    func(x *execution) ([][]any, error) { return [][]any{{x.server.dataFree()}}, nil },
		},
		"msdb.backupset": {
			columns: `database_name sysname_text, type char_text(1), is_copy_only bit, backup_finish_date datetime_text,
				first_lsn numeric_text(25, 0), last_lsn numeric_text(25, 0), backup_size numeric_text(20, 0)`,
			rows: backupRows,
		},
	}
}

const fileColumns = `database_id int, file_id int, type tinyint, type_desc nvarchar_text(60), name sysname_text,
	physical_name nvarchar_text(260), size int`

func databaseRows(x *execution) ([][]any, error) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for _, d := range x.server.databases {
		rows = append(rows, []any{
			d.name, d.id, d.state, d.access, boolean(d.readOnly), d.recovery, d.created.Format(instant), "Latin1_General_CI_AS",
		})
	}
	return rows, nil
}

func fileRows(x *execution, currentOnly bool) [][]any {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for _, d := range x.server.databases {
		if currentOnly && d != x.current {
			continue
		}
		for _, f := range d.files {
			kind, word := 0, "ROWS"
			if f.Kind == "L" {
				kind, word = 1, "LOG"
			}
			rows = append(rows, []any{d.id, f.ID, kind, word, f.Logical, f.Path, f.size() / pageSize})
		}
	}
	return rows
}

func recoveryRows(x *execution) ([][]any, error) {
	var id string
	if err := x.sql.QueryRowContext(x.ctx, "SELECT guid FROM [tds identity]").Scan(&id); err != nil {
		return nil, err
	}
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	return [][]any{{x.current.id, id, x.current.fork}}, nil
}

// seen are the sessions that the account may see: without VIEW SERVER STATE only its own one.
func seen(x *execution) []*session {
	var list []*session
	for _, c := range x.server.sessions {
		if c == x.session || x.account.may("VIEW SERVER STATE") {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].spid < list[j].spid })
	return list
}

func sessionRows(x *execution) ([][]any, error) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for _, c := range seen(x) {
		status := "sleeping"
		if c.request != nil {
			status = "running"
		}
		id := 0
		if c.current != nil {
			id = c.current.id
		}
		rows = append(rows, []any{c.spid, c.account.Name, c.who.program, c.who.host, c.since.Format(instant), id, 1, c.transactions, status})
	}
	return rows, nil
}

func requestRows(x *execution) ([][]any, error) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for _, c := range seen(x) {
		if c.request == nil {
			continue
		}
		left := int64(0)
		if p := c.request.percent; p > 0 {
			left = int64(float64(time.Since(c.request.started).Milliseconds()) * (100 - p) / p)
		}
		id := 0
		if c.current != nil {
			id = c.current.id
		}
		rows = append(rows, []any{c.spid, c.request.command, c.request.percent, left, id, c.request.started.Format(instant)})
	}
	return rows, nil
}

func loginRows(x *execution) ([][]any, error) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for i, l := range x.server.logins {
		rows = append(rows, []any{l.name, 256 + i, l.sid, "S"})
	}
	return rows, nil
}

func columnRows(x *execution) ([][]any, error) {
	found, err := x.sql.QueryContext(x.ctx, "SELECT object_id, name, column_id, declared, is_identity FROM [tds columns]")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows [][]any
	for found.Next() {
		var table, place, identity int64
		var name, declared string
		if err := found.Scan(&table, &name, &place, &declared, &identity); err != nil {
			return nil, err
		}
		base, _, _ := strings.Cut(declared, "(")
		rows = append(rows, []any{table, name, place, systemTypes()[base], identity})
	}
	return rows, found.Err()
}

// partitionRows counts the rows of every table.
func partitionRows(x *execution) ([][]any, error) {
	found, err := x.sql.QueryContext(x.ctx, "SELECT object_id, name FROM [tds objects] WHERE type = 'U'")
	if err != nil {
		return nil, err
	}
	defer found.Close()
	names := map[int64]string{}
	for found.Next() {
		var id int64
		var name string
		if err := found.Scan(&id, &name); err != nil {
			return nil, err
		}
		names[id] = name
	}
	if err := found.Err(); err != nil {
		return nil, err
	}
	_ = found.Close()
	var rows [][]any
	for id, name := range names {
		n, err := x.number("SELECT COUNT(*) FROM " + identifier(name))
		if err != nil {
			return nil, err
		}
		rows = append(rows, []any{id, 1, n})
	}
	return rows, nil
}

func backupRows(x *execution) ([][]any, error) {
	x.server.mu.Lock()
	defer x.server.mu.Unlock()
	var rows [][]any
	for _, b := range x.server.history {
		rows = append(rows, []any{
			b.Database, "D", boolean(b.CopyOnly), b.Finished.Format(instant), asText(b.FirstLSN), asText(b.LastLSN), asText(b.Size),
		})
	}
	return rows, nil
}
