package sqlserver

import (
	"fmt"
	"strings"
)

// file is a file of a database, as RESTORE FILELISTONLY lists it.
type file struct {
	logical string
	kind    string // D data, L log, S a directory of FILESTREAM or of memory-optimized tables, F full-text
	id      int64
	size    int64
}

// filesOf reads a list of RESTORE FILELISTONLY.
func filesOf(list []row) []file {
	var files []file
	for _, r := range list {
		files = append(files, file{
			logical: r.text("LogicalName"), kind: r.text("Type"), id: r.number("FileID"), size: r.number("Size"),
		})
	}
	return files
}

// move says where a file of a backup goes.
type move struct{ logical, path string }

// moves gives every file of a backup a place of its own at the target, by a name that no other generation of the
// database has, so that a restore never meets a file that is there.
func moves(files []file, stem, generation, data, log string) ([]move, error) {
	var list []move
	primary, logs := false, 0
	for n, f := range files {
		directory, ending := data, ""
		switch f.kind {
		case "D":
			ending = ".ndf"
			if f.id == 1 {
				ending, primary = ".mdf", true
			}
		case "L":
			directory, ending = log, ".ldf"
			logs++
		case "S", "F": // a directory, which the server makes
		default:
			return nil, fmt.Errorf("the backup holds the file %s of a kind that is not known: %q", f.logical, f.kind)
		}
		if directory == "" {
			return nil, fmt.Errorf("the server does not tell where it keeps its files: set its default data and log locations")
		}
		list = append(list, move{f.logical, join(directory, fmt.Sprintf("%s_%s_%d%s", stem, generation, n+1, ending))})
	}
	if !primary || logs == 0 {
		return nil, fmt.Errorf("the backup lists no whole database: %d files", len(files))
	}
	return list, nil
}

// join joins a path the way that the server's own system does.
func join(directory, file string) string {
	separator := "/"
	if strings.Contains(directory, `\`) {
		separator = `\`
	}
	return strings.TrimRight(directory, separator) + separator + file
}

// restoreStatement restores into a new database. It replaces nothing: a name or a file that is there makes it fail.
func restoreStatement(catalog, file string, list []move) string {
	var b strings.Builder
	fmt.Fprintf(&b, "RESTORE DATABASE %s FROM DISK = %s WITH FILE = 1", ident(catalog), quote(file))
	for _, m := range list {
		fmt.Fprintf(&b, ", MOVE %s TO %s", quote(m.logical), quote(m.path))
	}
	b.WriteString(", CHECKSUM, RECOVERY, STATS = 5")
	return b.String()
}
