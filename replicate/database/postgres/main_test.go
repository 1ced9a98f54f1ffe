package postgres

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(victimTask) != "" {
		os.Exit(victim())
	}
	goleak.VerifyTestMain(m)
}
