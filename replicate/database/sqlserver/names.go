package sqlserver

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"failoverd/replicate/database"
)

// longestStem leaves room for a directory, a generation, a number and an ending in the 260 characters of a path.
const longestStem = 80

// stem makes a part of a file name of a catalog's name. Two catalogs never share one: what cannot be kept as it is adds
// a hash of the whole.
func stem(catalog string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '_'
	}, catalog)
	if kept == catalog && len(kept) <= longestStem {
		return kept
	}
	sum := sha256.Sum256([]byte(catalog))
	return kept[:min(len(kept), longestStem)] + "-" + hex.EncodeToString(sum[:4])
}

// backupFile is the file of a run.
func backupFile(p database.Pair) string { return backupFiles(p) + p.Run + ".bak" }

// backupFiles is what the names of all runs' files begin with, so that the next run clears away what an earlier one could
// not. A stem has no dot.
func backupFiles(p database.Pair) string { return stem(p.Names.Live) + database.Mark }

// generation tells the files of one restored database from those of every other one under the same name: the instant.
func generation(now time.Time) string {
	return strings.ReplaceAll(now.UTC().Format("20060102-150405.000000"), ".", "-")
}
