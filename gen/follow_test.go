package gen_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen"
	"github.com/espalier-go/espalier/sup"
	"os/exec"
)

// The generator imports neither sup nor kv; what it knows of them is compared
// here.
func TestTheMethodsOfATreeAreKnown(t *testing.T) {
	var want []string
	for m := range reflect.TypeFor[*sup.Tree]().Methods() {
		want = append(want, m.Name)
	}
	want = append(want, "Tree") // the embedded field
	slices.Sort(want)
	want = slices.Compact(want)
	if diff := cmp.Diff(want, gen.TreeMethods); diff != "" {
		t.Errorf("methods of *sup.Tree (-are +known):\n%s", diff)
	}
}

func TestABudgetThatCannotTripIsJudgedAsSupDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	duration := func() time.Duration {
		return time.Duration(random.Int64N(1000)+1) * []time.Duration{time.Millisecond, time.Second, time.Minute}[random.IntN(3)]
	}
	verdicts := make(map[bool]int)
	for range 5000 {
		budget := sup.Intensity{Restarts: random.IntN(20), Within: duration()}
		b := sup.Backoff{Min: duration()}
		if random.IntN(2) == 0 {
			b.Max = b.Min + duration()
		}
		if random.IntN(2) == 0 {
			b.Factor = 1 + 2*random.Float64()
		}
		if random.IntN(2) == 0 {
			b.Jitter = random.Float64()
		}
		if random.IntN(2) == 0 {
			b.ResetAfter = duration()
		}
		s := sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{
			ID:      "a",
			Start:   func(context.Context) (sup.Worker, error) { return nil, sup.ErrIgnore },
			Backoff: b, Budget: budget,
		}}})
		err := s.Start(t.Context())
		if err == nil {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		want := !errors.Is(err, sup.ErrSpec)
		got := gen.CanTrip(gen.Intensity(budget), gen.Backoff(b))
		if got != want {
			t.Fatalf("budget %v, backoff %+v: can trip %v; sup says %v (%v)", budget, b, got, want, err)
		}
		verdicts[want]++
	}
	if verdicts[true] < 500 || verdicts[false] < 500 {
		t.Errorf("the cases are one-sided: %v", verdicts)
	}
}

// Files are told apart by a reading of their imports that is not go/parser's.
// It has to agree with that for all files there are, however they are cut.
func TestImportsAreReadAsTheParserDoes(t *testing.T) {
	for i, path := range standardLibrary(t) {
		if i%7 != 0 { // there are 6000
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
		if err != nil {
			continue
		}
		for _, sought := range []string{"fmt", "unsafe", "internal/cpu", "not/there"} {
			want := slices.ContainsFunc(parsed.Imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"`+sought+`"` })
			if got, certain := gen.ImportsAtTop(src, true, sought); got != want || !certain {
				t.Errorf("%s imports %s: %v (certain: %v), the parser says %v", path, sought, got, certain, want)
			}
			cut := src[:min(len(src), 300)]
			if got, certain := gen.ImportsAtTop(cut, false, sought); certain && got != want {
				t.Errorf("%s, cut, imports %s: %v, the parser says %v", path, sought, got, want)
			}
		}
	}
}

// standardLibrary returns the Go files of the standard library and commands
// that supgen ./... would look at.
func standardLibrary(t testing.TB) []string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(strings.TrimSpace(string(goroot)), "src")
	var files []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name == "testdata" || name == "vendor" || name[0] == '.' || name[0] == '_'):
			return fs.SkipDir
		case d.IsDir() && path != root:
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return fs.SkipDir
			}
		case strings.HasSuffix(name, ".go") && name[0] != '_' && name[0] != '.':
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) < 1000 {
		t.Fatalf("the standard library's source is not there: %d files, %v", len(files), err)
	}
	return files
}
