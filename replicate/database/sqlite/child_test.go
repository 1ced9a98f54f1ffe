package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"failoverd/replicate/database"
)

// childEnv says what a child of the test binary does instead of running tests.
const childEnv = "FAILOVERD_SQLITE_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "engine":
		os.Exit(engineChild(os.Args[1], os.Args[2], os.Args[3]))
	case "take":
		os.Exit(takeChild(os.Args[1], os.Args[2], os.Args[3]))
	case "hold":
		os.Exit(holdChild(os.Args[1], os.Args[2]))
	}
	os.Exit(2)
}

// child is the test binary as another program.
func child(ctx context.Context, role string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// hold has a child run a script in a transaction and leave it open.
func hold(_ context.Context, e database.End, catalog, script string) (func(), error) {
	var s site
	cmd := child(context.Background(), "hold", s.file(e, catalog), script)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	release := func() {
		_ = in.Close()
		_ = cmd.Wait() // It has nothing to say any more.
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "held\n" {
		release()
		return nil, errors.Join(fmt.Errorf("the child said %q", line), err)
	}
	return release, nil
}

// holdChild holds a transaction until its standard input ends.
func holdChild(path, script string) int {
	db, err := sql.Open("sqlite", application(path))
	if err == nil {
		db.SetMaxOpenConns(1)
		_, err = db.Exec("BEGIN; " + script)
	}
	if err != nil {
		fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}
