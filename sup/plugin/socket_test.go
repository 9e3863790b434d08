//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/espalier-go/espalier/internal/leftover"
)

// Two hosts may start at once, and one sweeps the directory that the other has just created.
func TestASocketDirectoryThatASweepRemovesIsCreatedAgain(t *testing.T) {
	sockets := filepath.Join(t.TempDir(), "plugin-dir1")
	for name, before := range map[string]func(){
		"removed": func() {},
		"being removed": func() {
			if err := os.Mkdir(sockets, 0o700); err != nil {
				t.Fatal(err)
			}
			other, err := leftover.Take(sockets)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() { defer close(done); _ = other.Remove() }()
			t.Cleanup(func() { <-done })
		},
	} {
		before()
		r := new(processRunner)
		r.lockSocketDir(sockets)
		if r.lockErr != nil {
			t.Fatalf("%s: %v", name, r.lockErr)
		}
		if err := r.socketLock.Remove(); err != nil {
			t.Error(err)
		}
	}
}
