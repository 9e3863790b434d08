package gen_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen"
)

// A case is a text file: a line that describes it, then files, each after a line
// "-- name --". The last file, "faults", has the expected faults of the others.
func TestFaultsHaveAPlaceAndAHint(t *testing.T) {
	cases, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil || len(cases) == 0 {
		t.Fatal("there are no cases", err)
	}
	lists := optionLists()
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			source, files := split(text)
			want := string(files["faults"])
			delete(files, "faults")
			_, faults := gen.LoadFiles(files)
			var got strings.Builder
			for _, f := range faults {
				fmt.Fprintln(&got, lists.Replace(f.String()))
			}
			if got.String() == "" {
				t.Error("there are no faults")
			}
			if *update {
				if err := os.WriteFile(path, append(source, got.String()...), 0o644); err != nil {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// optionLists replaces the list of all options of a place, so that a new option changes
// no case.
func optionLists() *strings.Replacer {
	names := make(map[string][]string)
	for _, o := range gen.Options() {
		for _, place := range o.On {
			names[place] = append(names[place], o.Name)
		}
		if o.Default && !slices.Contains(o.On, "sup.Tree") {
			names["sup.Tree"] = append(names["sup.Tree"], o.Name)
		}
	}
	var pairs []string
	for _, place := range slices.Sorted(maps.Keys(names)) {
		if len(names[place]) > 1 {
			pairs = append(pairs, "use "+strings.Join(names[place], ", ")+")", "use <all options of "+place+">)")
		}
	}
	return strings.NewReplacer(pairs...)
}

// split returns the files of a case and its text up to the faults.
func split(text []byte) (source []byte, files map[string][]byte) {
	files = make(map[string][]byte)
	name := ""
	for line := range bytes.Lines(text) {
		if header, ok := bytes.CutPrefix(line, []byte("-- ")); ok {
			name = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(header)), "--"))
			files[name] = nil
			source = append(source, line...)
			continue
		}
		if name != "" {
			files[name] = append(files[name], line...)
		}
		if name != "faults" {
			source = append(source, line...)
		}
	}
	return source, files
}
