package bolt_test

import (
	"os"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("BOLT_TEST_WRITER"); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(leaks.Run(m))
}
