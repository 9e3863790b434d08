package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
)

// originals is the directory of the plugins, which are built once for all tests.
var originals string

// TestMain runs the program itself if PLUGINHOST_IS_THE_PROGRAM is set. Else it builds the
// plugins, runs the tests, and checks that they leave no process, goroutine or file.
func TestMain(m *testing.M) {
	if os.Getenv("PLUGINHOST_IS_THE_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pluginhost-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	originals = filepath.Join(dir, "originals")
	temp := filepath.Join(dir, "temp")
	if err := errors.Join(build(context.Background(), originals, quiet), os.Mkdir(temp, 0o700)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("TMPDIR", temp)
	return leaks.RunOutside(m, temp, "espalier", "go-plugin", "google.golang.org/grpc")
}
