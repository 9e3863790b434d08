//go:build unix

package plugin

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/espalier-go/espalier/internal/leftover"
)

// Two hosts may start at once: one sweeps what the other has just made.
func TestADirectoryThatASweepHasTakenIsMadeAgain(t *testing.T) {
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
		b := new(binary)
		b.hold(sockets)
		if b.lockErr != nil {
			t.Fatalf("%s: %v", name, b.lockErr)
		}
		if err := b.lock.Remove(); err != nil {
			t.Error(err)
		}
	}
}
