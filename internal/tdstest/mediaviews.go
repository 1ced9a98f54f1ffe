package tdstest

import (
	"errors"
	"io"
	"os"
)

// columnsOf are columns by their names and types.
func columnsOf(pairs ...string) []column {
	var list []column
	for i := 0; i+1 < len(pairs); i += 2 {
		k, known := parseKind(pairs[i+1])
		if !known {
			panic("no type " + pairs[i+1])
		}
		list = append(list, column{pairs[i], k})
	}
	return list
}

// fileList is RESTORE FILELISTONLY.
func (x *execution) fileList(st statement) error {
	set, _, err := x.only(st)
	if err != nil {
		return ending(err, "RESTORE FILELIST")
	}
	defer set.close()
	columns := columnsOf("LogicalName", "nvarchar(128)", "PhysicalName", "nvarchar(260)", "Type", "char(1)",
		"FileGroupName", "nvarchar(128)", "Size", "numeric(20,0)", "MaxSize", "numeric(20,0)", "FileID", "bigint",
		"CreateLSN", "numeric(25,0)", "BackupSizeInBytes", "bigint", "FileGroupID", "int", "IsReadOnly", "bit", "IsPresent", "bit",
		"TDEThumbprint", "varbinary(32)", "SnapshotURL", "nvarchar(360)")
	var rows [][]any
	for _, f := range set.head.Files {
		var group any
		number := int64(0)
		if f.Kind == "D" {
			group, number = "PRIMARY", 1
		}
		rows = append(rows, []any{
			f.Logical, f.Path, f.Kind, group, f.Size, int64(35184372080640), int64(f.ID), int64(0), f.Size, number,
			int64(0), int64(1), nil, nil,
		})
	}
	return x.send(columns, rows)
}

// header is RESTORE HEADERONLY: a row for every set of the file.
func (x *execution) header(st statement) error {
	first, o, err := x.only(st)
	if err != nil {
		return ending(err, "RESTORE HEADERONLY")
	}
	defer first.close()
	columns := columnsOf("BackupName", "nvarchar(128)", "BackupType", "smallint", "Compressed", "tinyint", "Position", "smallint",
		"DeviceType", "tinyint", "UserName", "nvarchar(128)", "ServerName", "nvarchar(128)", "DatabaseName", "nvarchar(128)",
		"DatabaseCreationDate", "datetime", "BackupSize", "numeric(20,0)", "FirstLSN", "numeric(25,0)", "LastLSN", "numeric(25,0)",
		"BackupStartDate", "datetime", "BackupFinishDate", "datetime", "SoftwareVendorId", "int", "SoftwareVersionMajor", "int",
		"SoftwareVersionMinor", "int", "SoftwareVersionBuild", "int", "RecoveryForkID", "uniqueidentifier",
		"FamilyGUID", "uniqueidentifier", "IsReadOnly", "bit", "IsSingleUser", "bit", "HasBackupChecksums", "bit",
		"IsDamaged", "bit", "HasIncompleteMetaData", "bit", "IsCopyOnly", "bit", "RecoveryModel", "nvarchar(60)",
		"BackupTypeDescription", "nvarchar(60)", "CompressedBackupSize", "bigint")
	var rows [][]any
	for set := first.setReader; ; {
		h := set.head
		v := (&Server{options: Options{Version: h.Version}}).version()
		rows = append(rows, []any{
			h.Name, int64(1), boolean(h.Compressed), int64(len(rows) + 1), int64(2), h.User, h.Server, h.Database,
			h.Created, h.Size, h.FirstLSN, h.LastLSN, h.Started, h.Finished, int64(4608), int64(v[0]), int64(v[1]),
			int64(v[2])<<8 | int64(v[3]), h.Fork, h.Family, boolean(h.ReadOnly), boolean(h.SingleUser), boolean(h.Checksums),
			int64(0), int64(0), boolean(h.CopyOnly), h.Recovery, "Database", h.Size,
		})
		if err := set.skip(); err != nil {
			break // what is there of a set that ends too early has been shown
		}
		set, err = openSet(first.r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ending(incorrectlyFormed(o.disk), "RESTORE HEADERONLY")
		}
	}
	return x.send(columns, rows)
}

// label is RESTORE LABELONLY.
func (x *execution) label(st statement) error {
	set, _, err := x.only(st)
	if err != nil {
		return ending(err, "RESTORE LABELONLY")
	}
	defer set.close()
	if _, err := os.Stat(set.file.Name()); err != nil {
		return err
	}
	columns := columnsOf("MediaName", "nvarchar(128)", "MediaSetId", "uniqueidentifier", "FamilyCount", "int",
		"FamilySequenceNumber", "int", "SoftwareName", "nvarchar(128)", "SoftwareVendorId", "int", "MediaDate", "datetime",
		"IsCompressed", "bit")
	return x.send(columns, [][]any{{
		nil, set.head.Family, int64(1), int64(1), "Microsoft SQL Server", int64(4608), set.head.Finished, boolean(set.head.Compressed),
	}})
}
