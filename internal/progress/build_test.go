package progress_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

// moduleOf creates a module with n packages, which nobody has compiled before, and a
// program that imports them. It makes its directory the current one.
func moduleOf(t *testing.T, n int, body string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("GOWORK", "off")
	program := "package main\n\nimport (\n"
	for i := range n {
		program += fmt.Sprintf("\t_ \"example.com/m/p%d\"\n", i)
		write(t, fmt.Sprintf("p%d/p.go", i), fmt.Sprintf("package p%d\n\nconst begin = %d\n", i, time.Now().UnixNano()))
	}
	write(t, "go.mod", "module example.com/m\n\ngo 1.26\n")
	write(t, "main.go", program+")\n\nfunc main() {"+body+"}\n")
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestABuildSaysHowManyPackagesItCompiles(t *testing.T) {
	for _, test := range []struct {
		packages int
		want     string
	}{
		{1, "building m\n"},
		{20, "building m: 21 packages to compile\n"},
		{120, "building m: 121 packages to compile; takes some time\n"},
	} {
		moduleOf(t, test.packages, "")
		var out strings.Builder
		b := progress.Build{What: "building m", Note: "takes some time", Output: "program", Packages: []string{"."}}
		if err := b.Run(t.Context(), progress.New(&out)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), test.want) {
			t.Errorf("written:\n%s\nwant:\n%s", &out, test.want)
		}
		if _, err := os.Stat("program"); err != nil {
			t.Error(err)
		}
	}
}

func TestABuildThatFailsHasTheOutputOfTheCompiler(t *testing.T) {
	moduleOf(t, 1, "undefined()")
	var out strings.Builder
	b := progress.Build{What: "building m", Output: "program", Flags: []string{"-ldflags", "-s -w"}, Packages: []string{"."}}
	err := b.Run(t.Context(), progress.New(&out))
	if err == nil || !strings.Contains(err.Error(), "main.go:7:14: undefined: undefined") || strings.Contains(err.Error(), "example.com/m/p0\n") {
		t.Errorf("error %v, want that of the compiler", err)
	}
	b.Packages = []string{"./none"}
	if err := b.Run(t.Context(), progress.New(&out)); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("error %v, want one that names the package", err)
	}
}

func TestABuildEndsWithItsContext(t *testing.T) {
	moduleOf(t, 1, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stopped")
	cancel(cause)
	b := progress.Build{What: "building m", Output: "program", Packages: []string{"."}}
	if err := b.Run(ctx, progress.New(&strings.Builder{})); !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, cause)
	}
}
