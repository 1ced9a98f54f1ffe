package sqlite

import (
	"path/filepath"
	"strings"

	"failoverd/replicate/database"
)

// Beside is where a drill makes its copy of the one in service at an end. Where the data source names the file, the name
// of the catalog is no part of the file's: the drill's copy is a file of another name beside it.
func Beside(e database.End) database.End {
	out := database.Beside(e)
	if filepath.IsAbs(e.DSN) && !strings.HasSuffix(e.DSN, "/") {
		if dir, base, ext, err := locate(e.DSN, e.Catalog); err == nil {
			out.DSN = filepath.Join(dir, base+strings.TrimPrefix(out.Catalog, e.Catalog)+ext)
		}
	}
	return out
}
