package gen_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const golden = "internal/golden/"

// These tests edit a golden package. The compiler must refuse generated code that does
// not fit its tree.
func TestTheCompilerRefusesOutdatedCode(t *testing.T) {
	type edit struct{ file, from, to string }
	for _, test := range []struct {
		name, pkg string
		edits     []edit
		want      []string
	}{
		{
			"an edited tag", "orders",
			[]edit{{"orders.go", "shutdown=5s", "shutdown=6s"}},
			[]string{"orders/sup_gen.go:", "cannot use Orders{} (value of struct type Orders) as outdatedRunGoGenerate value"},
		},
		{
			"an edited tag of the tree", "orders",
			[]edit{{"orders.go", "rest_for_one", "one_for_all"}},
			[]string{"cannot use Orders{} (value of struct type Orders) as outdatedRunGoGenerate value"},
		},
		{
			"an edited tag of a generic tree", "generic",
			[]edit{{"generic.go", "temporary", "transient"}},
			[]string{"cannot use Pipeline[T]{} (value of struct type Pipeline[T]) as outdatedRunGoGenerate value"},
		},
		{
			"a renamed field", "orders",
			[]edit{{"orders.go", "\tDB ", "\tPools "}},
			[]string{"as outdatedRunGoGenerate value", "o.DB undefined (type *Orders has no field or method DB)"},
		},
		{
			"a new field", "orders",
			[]edit{{"orders.go", "\tDB ", "\tCache sup.Child[*Pool]\n\tDB "}},
			[]string{"as outdatedRunGoGenerate value"},
		},
		{
			"fields in another order", "policies",
			[]edit{{"policies.go", "\tPlain       sup.Child[*W]\n", ""},
				{"policies.go", "\tNested ", "\tPlain sup.Child[*W]\n\tNested "}},
			[]string{"cannot use All{} (value of struct type All) as outdatedRunGoGenerate value"},
		},
		{
			"another worker", "orders",
			[]edit{{"orders.go", "sup.Child[*Pool]", "sup.Child[*Matcher]"}},
			[]string{"as outdatedRunGoGenerate value"},
		},
		{
			"a worker that is none", "orders",
			[]edit{{"orders.go", "*Pool]", "*Quote]"}},
			[]string{"/orders.go:38:19: *Quote does not satisfy sup.Worker (missing method Run)"},
		},
		{
			"a missing constructor", "orders",
			[]edit{{"new.go", "", `package orders

import "context"

type some struct{ OrdersChildren }

type children struct{}

func (children) NewDB(context.Context, *Orders) (*Pool, error)           { return nil, nil }
func (children) NewMatch(context.Context, *Orders, int) (*Matcher, error) { return nil, nil }

var _ = NewOrders(children{})
`}},
			[]string{"new.go:12:19: cannot use children{}", "missing method NewFeeds"},
		},
		{
			"a missing function", "intest",
			[]edit{{"new.go", "", "package intest\n\nvar _ = InnerFuncs()\n"}},
			[]string{"new.go:3:", "not enough arguments in call to InnerFuncs",
				"want (func(ctx context.Context, i *Inner) (*W, error))"},
		},
		{
			"another version", "orders",
			[]edit{{"../../../../sup/version.go", "GeneratedV1 = true", "GeneratedV2 = true"}},
			[]string{"undefined: sup.GeneratedV1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			edited := make(map[string]string)
			for _, e := range test.edits {
				path := filepath.Join(golden, test.pkg, e.file)
				if _, ok := edited[path]; !ok {
					content, err := os.ReadFile(path)
					if err != nil && e.from != "" {
						t.Fatal(err)
					}
					edited[path] = string(content)
				}
				if !strings.Contains(edited[path], e.from) {
					t.Fatalf("%s does not contain %q", path, e.from)
				}
				edited[path] = strings.Replace(edited[path], e.from, e.to, 1)
			}
			out := build(t, golden+test.pkg, edited)
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("compiler output without %q:\n%s", want, out)
				}
			}
		})
	}
}

// build compiles a package with some of its files replaced, and returns the output of
// the compiler.
func build(t *testing.T, pkg string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for path, content := range files {
		absolute, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		replacement := filepath.Join(dir, filepath.Base(path))
		if err := os.WriteFile(replacement, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[absolute] = replacement
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "./"+pkg).CombinedOutput()
	if err == nil {
		t.Error("no compile error")
	}
	return string(out)
}

// Without edits, the packages of the test above compile.
func TestTheGoldenPackagesCompile(t *testing.T) {
	out, err := exec.Command("go", "vet", "./"+golden+"...").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
