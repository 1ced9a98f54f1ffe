package dbserver

import "context"

// MariaDB is a MariaDB server of ours.
type MariaDB struct{ Instance }

// StartMariaDB makes a data directory in dir, which must be empty or not exist, and starts a server on it. As root
// the server runs as the account mysql or, where there is none, nobody: dir is given to it, and the directories above
// it that are ours are made passable.
func StartMariaDB(ctx context.Context, dir string, o InstanceOptions) (*MariaDB, error) {
	m := &MariaDB{Instance{program: "mariadbd"}}
	if err := m.found(ctx, dir); err != nil {
		return nil, err
	}
	var settings []string
	if !o.Durable {
		settings = []string{
			"innodb_flush_log_at_trx_commit=0", "innodb_doublewrite=0", "innodb_flush_method=nosync", "debug_no_sync=1",
		}
	}
	if err := m.configure(append(settings, o.Settings...)); err != nil {
		return nil, err
	}
	err := m.install(ctx, "mariadb-install-db", "--no-defaults", "--datadir="+m.file("data"), "--tmpdir="+m.file("tmp"),
		"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	if err != nil {
		return nil, err
	}
	return m, m.Start(ctx)
}
