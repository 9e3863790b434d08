package gen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/espalier-go/espalier/gen"
)

func TestFindIgnoresTheDirectoriesThatTheGoCommandIgnores(t *testing.T) {
	dirs := []string{"a", "a/out", "out", "out/deep", "outer", "node_modules/x", "b/node_modules/y", "b/c/d", "c/d"}
	for name, ignored := range map[string]string{
		"nothing":               "",
		"a name":                "ignore out",
		"from the root":         "ignore ./out // what is built",
		"several elements":      "ignore c/d/",
		"several, from the top": "ignore ./b/c",
		"a block":               "ignore (\n\tnode_modules // of npm\n\n\t./c\n)",
		"quoted":                "ignore \"out\"\nignore (\n\t\"./b\"\n)",
		"another block":         "retract (\n\tv1.0.0\n)\nignore\tout",
		"a part of a name":      "ignore ut",
	} {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n\ngo 1.26\n\n"+ignored+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, dir := range dirs {
				if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(root, dir, "sup_gen.go"), []byte("package p\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, below := range []string{"", "/b", "/out"} {
				list := exec.Command("go", "list", "-e", "-f", "{{.Dir}}", "."+below+"/...")
				list.Dir = root
				list.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
				var errs strings.Builder
				list.Stderr = &errs
				out, err := list.Output()
				if err != nil {
					t.Fatal(err, errs.String())
				}
				want := strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
				slices.Sort(want)
				got, err := gen.Find([]string{root + below + "/..."})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s/... (-go list +found):\n%s", below, diff)
				}
			}
		})
	}
}
