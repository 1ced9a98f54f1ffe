package sqlserver

import (
	"context"
	"strconv"
	"strings"

	"failoverd/replicate/database"
)

// server is what one SQL Server is.
type server struct {
	version       string // "16.0.4105.2"
	major         int64
	edition       string
	engineEdition int64
	data, log     string // where it puts the files of new databases
	login         string
	free          int64 // bytes on the volume of data; -1 if it cannot be told
}

// look asks an end's server what it is.
func look(ctx context.Context, e database.End) (server, error) {
	s, err := open(ctx, e, master, program)
	if err != nil {
		return server{}, err
	}
	defer s.close()
	return s.look(ctx)
}

func (s *session) look(ctx context.Context) (server, error) {
	r, err := s.one(ctx, "look at the server", `SELECT SERVERPROPERTY('ProductVersion') AS [version], SERVERPROPERTY('Edition') AS [edition],
SERVERPROPERTY('EngineEdition') AS [engine], SERVERPROPERTY('InstanceDefaultDataPath') AS [data],
SERVERPROPERTY('InstanceDefaultLogPath') AS [log], SUSER_SNAME() AS [login]`)
	if err != nil {
		return server{}, err
	}
	found := server{
		version: r.text("version"), edition: r.text("edition"), engineEdition: r.number("engine"),
		data: r.text("data"), log: r.text("log"), login: r.text("login"), free: -1,
	}
	major, _, _ := strings.Cut(found.version, ".")
	found.major, _ = strconv.ParseInt(major, 10, 64) // 0 is older than everything
	if found.data == "" || found.log == "" {
		if err := s.homeOfMaster(ctx, &found); err != nil {
			return server{}, err
		}
	}
	return found, s.freeSpace(ctx, &found)
}

// homeOfMaster is where an instance keeps its files that has never been told another place.
func (s *session) homeOfMaster(ctx context.Context, found *server) error {
	list, err := s.query(ctx, "look for the server's data directory",
		"SELECT type, physical_name FROM sys.master_files WHERE database_id = 1 ORDER BY type")
	if err != nil {
		return err
	}
	for _, r := range list {
		directory := r.text("physical_name")
		directory = directory[:strings.LastIndexAny(directory, `/\`)+1]
		switch {
		case r.number("type") == 0 && found.data == "":
			found.data = directory
		case r.number("type") == 1 && found.log == "":
			found.log = directory
		}
	}
	return nil
}

// freeSpace asks for the room on the volume of master's data file, which is the best that can be known before the first
// restore. Without VIEW SERVER STATE it cannot be told.
func (s *session) freeSpace(ctx context.Context, found *server) error {
	list, err := s.query(ctx, "ask for free space", "SELECT available_bytes FROM sys.dm_os_volume_stats(1, 1)")
	if err != nil && !answered(err) {
		return err
	}
	if err == nil && len(list) == 1 {
		found.free = list[0].number("available_bytes")
	}
	return nil
}

// product is how a server is shown.
func (f server) product() database.Server {
	found := database.Server{Product: "Microsoft SQL Server " + f.edition, Version: f.version, Free: f.free}
	if f.free < 0 {
		found.Unknown = "the account may not ask: GRANT VIEW SERVER STATE TO " + ident(f.login)
	}
	return found
}
