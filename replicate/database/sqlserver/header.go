package sqlserver

import (
	"fmt"
	"strings"
)

// checkHeader holds what RESTORE HEADERONLY says of a backup file against what was backed up, and gives the place in
// the source's log up to which the backup reaches.
func checkHeader(list []row, catalog string, target server) (lastLSN string, err error) {
	if len(list) != 1 {
		return "", fmt.Errorf("the backup file holds %d backups in place of one", len(list))
	}
	h := list[0]
	major := h.number("SoftwareVersionMajor")
	switch {
	case !strings.EqualFold(h.text("DatabaseName"), catalog):
		err = fmt.Errorf("the backup file holds %s and not %s", h.text("DatabaseName"), catalog)
	case h.number("BackupType") != 1:
		err = fmt.Errorf("the backup is not one of a whole database, but of type %d", h.number("BackupType"))
	case h.truth("IsDamaged"):
		err = fmt.Errorf("the backup found damaged pages in %s: run DBCC CHECKDB at the source", catalog)
	case h.truth("HasIncompleteMetaData"):
		err = fmt.Errorf("the backup of %s lacks a part of its description", catalog)
	case !h.truth("HasBackupChecksums"):
		err = fmt.Errorf("the backup of %s holds no checksums", catalog)
	case major > target.major:
		err = fmt.Errorf("the backup was made by version %d, which the target's version %s cannot restore", major, target.version)
	}
	return h.text("LastLSN"), err
}
