package dbserver

import "context"

// MySQL is a MySQL server of ours.
type MySQL struct{ Instance }

// StartMySQL makes a data directory in dir, which must be empty or not exist, and starts a server on it, as
// StartMariaDB does. Where MariaDB is installed mysqld is another name of its server, which this does not start.
func StartMySQL(ctx context.Context, dir string, o InstanceOptions) (*MySQL, error) {
	m := &MySQL{Instance{program: "mysqld"}}
	if err := m.found(ctx, dir); err != nil {
		return nil, err
	}
	settings := []string{
		"secure_file_priv=" + m.file("tmp"), // else a directory that the package makes
		"mysqlx=OFF",                        // it would have a port of its own
		"local_infile=ON",                   // as MariaDB has it
	}
	if !o.Durable {
		settings = append(settings, "innodb_flush_log_at_trx_commit=0", "innodb_doublewrite=OFF",
			"innodb_flush_method=nosync", "sync_binlog=0")
	}
	if err := m.configure(append(settings, o.Settings...)); err != nil {
		return nil, err
	}
	// The options that it is to run with may be wrong, which is for the start to say.
	err := m.install(ctx, "mysqld", "--no-defaults", "--initialize-insecure", "--datadir="+m.file("data"),
		"--tmpdir="+m.file("tmp"), "--secure-file-priv=")
	if err != nil {
		return nil, err
	}
	return m, m.Start(ctx)
}
