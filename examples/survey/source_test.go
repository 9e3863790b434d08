package main

import (
	"io/fs"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestReportOfAFile(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       report
	}{
		{"empty", "", report{pkg: "a", broken: true}},
		{"no newline at the end", "package p", report{pkg: "a/p", lines: 1}},
		{
			"imports and functions", `package p

import (
	"fmt"
	other "net/http"
)

// Documentation is not part of a function's length.
func f() {
	fmt.Println(func() {})
}

func (t *T[K]) Method() {}

func (t T) Value() {}
`, report{
				pkg: "a/p", lines: 15, imports: []string{"fmt", "net/http"},
				functions: []function{
					{"f", "a/x.go", 9, 3}, {"(*T[K]).Method", "a/x.go", 13, 1}, {"T.Value", "a/x.go", 15, 1},
				},
			},
		},
		{
			"what can be parsed of a broken file", "package p\n\nfunc good() {}\n\nfunc bad( {\n",
			report{pkg: "a/p", lines: 5, broken: true, functions: []function{{"good", "a/x.go", 3, 1}}},
		},
		{
			"line directives are not believed", "package p\n//line other.go:1000\nfunc f() {\n}\n",
			report{pkg: "a/p", lines: 4, functions: []function{{"f", "a/x.go", 3, 2}}},
		},
		{"receiver that is none", "package p\n\nfunc () f() {}\n", report{
			pkg: "a/p", lines: 3, functions: []function{{"f", "a/x.go", 3, 1}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := fstest.MapFS{"a/x.go": &fstest.MapFile{Data: []byte(test.text)}}
			got, err := readReport(source, "a/x.go")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(report{}, function{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestGoFilesAreRegularFilesAndWhatCannotBeListed(t *testing.T) {
	source := partlyUnreadable{fstest.MapFS{
		"a.go":          {},
		"b.txt":         {},
		"dir.go/c.go":   {},
		"link.go":       {Mode: fs.ModeSymlink},
		"locked/d.go":   {},
		"testdata/e.go": {},
	}, map[string]bool{"locked": true}}
	want := []string{"a.go", "dir.go/c.go", "locked", "testdata/e.go"}
	if got := slices.Collect(goFiles(source)); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}
