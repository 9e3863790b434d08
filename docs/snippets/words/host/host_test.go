//go:build unix

package host

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/espalier-go/espalier/docs/snippets/words"
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
	s, err := start(ctx, inItsProcess(binary))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(ctx)
	if n, err := use(ctx, s.Child("words")); n != 6 || err != nil {
		t.Error(n, err)
	}
	if _, err := words.NewWords(s.Child("words")).Count(ctx, ""); !errors.Is(err, words.ErrEmpty) {
		t.Errorf("error of an empty text: %v", err)
	}
	if err := upgrade(ctx, s.Child("words"), binary); err != nil {
		t.Error(err)
	}
	d, err := directory(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Shutdown(ctx)
	if n, err := use(ctx, d.Plugins.Child("counter")); n != 6 || err != nil {
		t.Error(n, err)
	}
	if err := s.TerminateChild(ctx, "words"); err != nil {
		t.Error(err)
	}
	_, err = use(ctx, s.Child("words"))
	explain(err)
	if err == nil {
		t.Error("a terminated plugin answers")
	}
}

func TestTheSamePluginRunsInTheProcessOfTheHost(t *testing.T) {
	if err := plugin.CheckShape[words.Words](); err != nil {
		t.Error(err)
	}
	s, err := start(t.Context(), inThisProcess())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	if n, err := use(t.Context(), s.Child("words")); n != 6 || err != nil {
		t.Error(n, err)
	}
}
