//go:build unix

package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/espalier-go/espalier/sup/plugin"
)

func TestAPluginIsCalledUpgradedAndListed(t *testing.T) {
	ctx, dir := t.Context(), filepath.Join(t.TempDir(), "plugins")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "counter")
	if out, err := exec.Command("go", "build", "-o", binary, "../counter").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := start(ctx, plugin.NewSource(specOf(binary)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(ctx)
	if n, err := count(ctx, s.Child("words"), "one two three"); n != 3 || err != nil {
		t.Error(n, err)
	}
	if err := upgrade(ctx, s.Child("words"), binary); err != nil {
		t.Error(err)
	}
	d, err := directory(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Shutdown(ctx)
	if n, err := count(ctx, d.Plugins.Child("counter"), "one two"); n != 2 || err != nil {
		t.Error(n, err)
	}
	if err := s.TerminateChild(ctx, "words"); err != nil {
		t.Error(err)
	}
	_, err = count(ctx, s.Child("words"), "one")
	explain(err)
	if err == nil {
		t.Error("a terminated plugin answers")
	}
}
