package sqlserver

import (
	"context"
	"fmt"
	"strings"

	"failoverd/replicate/database"
)

// backupStatement backs a catalog up beside whatever backups its owner takes: COPY_ONLY leaves their chain alone.
// FORMAT and INIT, because a file that is there would be appended to.
func backupStatement(catalog, file string, compress bool) string {
	options := []string{"COPY_ONLY", "CHECKSUM", "INIT", "FORMAT", "STATS = 5"}
	if compress {
		options = append(options, "COMPRESSION")
	} else {
		options = append(options, "NO_COMPRESSION")
	}
	return "BACKUP DATABASE " + ident(catalog) + " TO DISK = " + quote(file) + " WITH " + strings.Join(options, ", ")
}

// Engine editions, as SERVERPROPERTY('EngineEdition') has them.
const (
	standardEdition   = 2 // Standard, Web, Business Intelligence
	enterpriseEdition = 3 // Enterprise, Developer, Evaluation
	expressEdition    = 4
)

// compresses says whether an edition can write compressed backups. Every edition can restore them.
func compresses(engineEdition int64, edition string) bool {
	switch engineEdition {
	case enterpriseEdition:
		return true
	case standardEdition:
		return !strings.HasPrefix(edition, "Web")
	}
	return false
}

// compressed says whether a backup is to be. A courier packs by itself, and of a backup that is packed it would bring
// what has not changed once more.
func compressed(shelf database.Shelf, s server) bool {
	_, travels := shelf.(database.Courier)
	return !travels && compresses(s.engineEdition, s.edition)
}

// backUp writes the run's backup file at the source.
func (r *run) backUp(ctx context.Context) error {
	server, err := look(ctx, r.Source)
	if err != nil {
		return err
	}
	r.phase("backup", r.bytes)
	statement := backupStatement(r.Source.Catalog, r.Source.Shelf.Name(r.file), compressed(r.Source.Shelf, server))
	if err := r.engine.carryOut(ctx, r.Source, label(r.Pair), "back up "+r.Source.Catalog, statement, r.percent); err != nil {
		return err
	}
	// What the server says is one thing; that failoverd sees the same file is another.
	file, size, err := r.Source.Shelf.Open(ctx, r.file)
	if err != nil {
		return fmt.Errorf("the backup %s at %s was written, but failoverd does not find it on its side: %w",
			r.Source.Shelf.Name(r.file), r.Source.Host, err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	r.size = size
	r.finish()
	return nil
}

// missingShelf says what is wrong when an end has no directory for backups.
func missingShelf(e database.End) error {
	return fmt.Errorf("%s has no directory for backups: write backups: {server: ..., path: ...}, or at the primary {server: ..., agent: ...}", e.Host)
}
