package sqlserver

import "context"

// kinds are the words for the types of sys.objects that an application makes.
var kinds = map[string]string{
	"U": "table", "V": "view", "TR": "trigger", "TA": "trigger", "SO": "sequence", "SN": "synonym",
	"P": "routine", "PC": "routine", "FN": "routine", "IF": "routine", "TF": "routine", "FS": "routine", "FT": "routine",
	"AF": "routine",
	"PK": "constraint", "UQ": "constraint", "F": "constraint", "C": "constraint", "D": "constraint",
}

// objects counts what the catalog of the session holds, by kind.
func (s *session) objects(ctx context.Context) (map[string]int, error) {
	list, err := s.query(ctx, "count objects",
		"SELECT type, COUNT(*) AS [count] FROM sys.objects WHERE is_ms_shipped = 0 GROUP BY type")
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for _, r := range list {
		if kind, known := kinds[r.text("type")]; known {
			found[kind] += int(r.number("count"))
		}
	}
	indexes, err := s.one(ctx, "count indexes", `SELECT COUNT(*) AS [count] FROM sys.indexes AS i
JOIN sys.tables AS t ON t.object_id = i.object_id WHERE t.is_ms_shipped = 0 AND i.index_id > 0`)
	if err != nil {
		return nil, err
	}
	if n := int(indexes.number("count")); n > 0 {
		found["index"] = n
	}
	return found, nil
}
