package gen_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing them")

// go test ./... also compiles, vets and tests the golden packages.
func TestGoldenPackagesAreUpToDate(t *testing.T) {
	dirs, err := filepath.Glob("internal/golden/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("there are no golden packages", err)
	}
	interfaces, err := filepath.Glob("../sup/plugin/internal/golden/*")
	if err != nil || len(interfaces) == 0 {
		t.Fatal("there are no golden packages with interfaces", err)
	}
	dirs = append(dirs, interfaces...)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			outputs, faults, err := gen.Generate(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range faults {
				t.Error(f)
			}
			if len(outputs) == 0 {
				t.Error("no output")
			}
			for _, o := range outputs {
				if *update {
					if err := o.Write(); err != nil {
						t.Error(err)
					}
					continue
				}
				if diff := cmp.Diff(string(o.Old), string(o.New)); diff != "" {
					t.Errorf("%s (-golden +generated, see -update):\n%s", o.Path, diff)
				}
				if info, err := os.Stat(o.Path); err == nil && info.Mode().Perm() != 0o644 {
					t.Errorf("%s has mode %v", o.Path, info.Mode())
				}
			}
		})
	}
}
