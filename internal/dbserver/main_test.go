package dbserver

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// starterDirectory is the environment variable that makes the test binary a process that starts a server there, tells
// its process number, and waits to be killed.
const starterDirectory = "FAILOVERD_TEST_STARTER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(starterDirectory); dir != "" {
		server, err := StartInstalled(context.Background(), dir, InstanceOptions{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(server.PID())
		select {}
	}
	goleak.VerifyTestMain(m)
}
