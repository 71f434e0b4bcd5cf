package stage

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/go-sql-driver/mysql"
)

// MariaDB is a running MariaDB server on a loopback port of its own, with a folder of its own. The user is root,
// without a password.
type MariaDB struct {
	*Process
	// Addr is its host:port, the same after a restart.
	Addr string
	dir  string
}

// MissingMariaDB names the Debian package that MariaDB needs and this machine lacks; empty for none.
func MissingMariaDB() string {
	for _, name := range []string{"mariadbd", "mariadb-install-db"} {
		if sbinary(name) == "" {
			return "mariadb-server"
		}
	}
	return ""
}

// sbinary finds a program that Debian may keep outside the path of ordinary users.
func sbinary(name string) string {
	for _, name := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// StartMariaDB runs a server in the folder, making the data there when it is new, and waits until it answers.
func StartMariaDB(ctx context.Context, dir string) (*MariaDB, error) {
	if missing := MissingMariaDB(); missing != "" {
		return nil, fmt.Errorf("this machine lacks the Debian package %s", missing)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	m := &MariaDB{Addr: addr, dir: dir}
	if err := InstallMariaDB(ctx, m.data(), "normal"); err != nil {
		return nil, err
	}
	return m, m.Restart(ctx)
}

func (m *MariaDB) data() string { return filepath.Join(m.dir, "data") }

// common are the options of the server and of the program that makes its data. The server refuses to run as root
// unless it is told to.
func common(data string) []string {
	args := []string{"--no-defaults", "--datadir=" + data, "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M"}
	if os.Getuid() == 0 {
		args = append(args, "--user=root")
	}
	return args
}

// MariaDBArgs are the arguments of a server that has its data in the folder, which InstallMariaDB made, and listens at
// addr, host:port.
func MariaDBArgs(data, addr string) []string {
	host, port, _ := net.SplitHostPort(addr) // made by a plan, not typed
	return append(common(data),
		"--bind-address="+host, "--port="+port, "--skip-name-resolve",
		"--socket=mariadb.sock", "--pid-file=mariadb.pid", // in the data folder: paths of sockets are short
		"--innodb-flush-log-at-trx-commit=1", "--max-connections=1000")
}

// InstallMariaDB makes the server's own tables in the folder, if they are not there yet. rootLogin is how root proves
// who it is: "normal" is a password, which is empty, "socket" the same user on this machine. The tables are made
// aside: an installation that broke off must not look like one.
func InstallMariaDB(ctx context.Context, data, rootLogin string) error {
	if _, err := os.Stat(filepath.Join(data, "mysql")); err == nil {
		return nil
	}
	aside := data + ".new"
	if err := errors.Join(os.RemoveAll(aside), os.RemoveAll(data), os.MkdirAll(aside, 0o700)); err != nil {
		return err
	}
	p, err := Start(nil, aside, sbinary("mariadb-install-db"), append(common(aside),
		"--auth-root-authentication-method="+rootLogin, "--skip-test-db")...)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := p.Wait(ctx); err != nil {
		return fmt.Errorf("mariadb-install-db: %w\n%s", err, p.Output())
	}
	return os.Rename(aside, data)
}

// Restart runs the server again on the same folder and address, after Kill or Stop, and waits until it answers.
func (m *MariaDB) Restart(ctx context.Context) error {
	p, err := Start(nil, m.dir, sbinary("mariadbd"), MariaDBArgs(m.data(), m.Addr)...)
	if err != nil {
		return err
	}
	if err := p.Until(ctx, "answer", m.ping); err != nil {
		p.Kill()
		return err
	}
	m.Process = p
	return nil
}

// DSN is how to reach a database of the server.
func (m *MariaDB) DSN(database string) string { return "root@tcp(" + m.Addr + ")/" + database }

func (m *MariaDB) ping(ctx context.Context) error {
	return m.with(func(db *sql.DB) error { return db.PingContext(ctx) })
}

// CreateDatabase makes an empty database, if it is not there yet.
func (m *MariaDB) CreateDatabase(ctx context.Context, name string) error {
	return m.with(func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS `"+name+"` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
		return err
	})
}

// with runs f on a connection of its own: none outlives the server to be found dead by the next caller.
func (m *MariaDB) with(f func(*sql.DB) error) error {
	cfg, err := mysql.ParseDSN(m.DSN(""))
	if err != nil {
		return err
	}
	cfg.Logger = &mysql.NopLogger{} // while the server starts, being refused is no news
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	return f(db)
}
