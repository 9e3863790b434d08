//go:build unix

package plugin_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
)

// role is the environment variable that makes the test binary a plugin of a kind.
const role = "ESPALIER_TEST_PLUGIN"

// TestMain serves a plugin if role is set. Else it runs the tests, and checks that they
// leave no process, no goroutine and no socket.
func TestMain(m *testing.M) {
	if kind := os.Getenv(role); kind != "" {
		serve(kind)
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	temp, err := os.MkdirTemp("", "espalier-plugin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o711); err != nil { // plugins of other users have their binaries and sockets below
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("TMPDIR", temp)
	return leaks.RunOutside(m, temp, "espalier/sup", "go-plugin", "yamux", "google.golang.org/grpc")
}

func countChildren() int { return len(strings.Fields(leaks.Children())) }
