package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// diamond returns a package of trees, each of which nests the next one twice.
func diamond(name string, levels int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "package %s\n\nimport \"github.com/espalier-go/espalier/sup\"\n", name)
	for n := range levels {
		fmt.Fprintf(&b, "\ntype T%d struct {\n\tsup.Tree\n", n)
		if n+1 < levels {
			fmt.Fprintf(&b, "\tA, B *T%d\n", n+1)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func TestADiamondOfNestedTreesIsReadInLinearTime(t *testing.T) {
	dir := write(t, map[string]string{"d.go": diamond("d", 40)})
	if r := supgen(t, dir); r.code != success {
		t.Fatalf("%+v", r)
	}
	if generated := read(t, dir, "sup_gen.go"); !strings.Contains(generated, "├── a *T39") && !strings.Contains(generated, "b *T39, … as above") {
		t.Errorf("the last tree is not drawn:\n%.2000s", generated)
	}
	for _, format := range []string{"text", "dot", "mermaid"} {
		if r := supgen(t, dir, "-graph="+format); r.code != success || !strings.Contains(r.out, "… as above") {
			t.Errorf("%s: %d, %s", format, r.code, r.errors)
		}
	}
}

func TestADiamondOfPackagesIsReadInLinearTime(t *testing.T) {
	const levels = 40
	files := map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n"}
	for n := range levels {
		text := fmt.Sprintf("package p%d\n\nimport (\n\t\"github.com/espalier-go/espalier/sup\"\n", n)
		fields := ""
		if n+1 < levels {
			text += fmt.Sprintf("\t\"example.com/m/p%d\"\n", n+1)
			fields = fmt.Sprintf("\tA, B *p%d.T `sup:\"\"`\n", n+1)
		}
		files[fmt.Sprintf("p%d/p.go", n)] = text + ")\n\ntype T struct {\n\tsup.Tree\n" + fields + "}\n"
	}
	dir := write(t, files)
	if r := supgen(t, dir, "-graph=text", "./p0"); r.code != success || !strings.Contains(r.out, "… as above") {
		t.Errorf("%d %s", r.code, r.errors)
	}
	if r := supgen(t, dir, "./..."); r.code != success {
		t.Errorf("%+v", r)
	}
}

// Two packages that import each other do not compile, but supgen reads them.
func TestTreesOfPackagesThatContainEachOtherAreDrawnOnce(t *testing.T) {
	text := func(own, other string) string {
		return fmt.Sprintf("package %s\n\nimport (\n\t\"example.com/m/%[2]s\"\n\t\"github.com/espalier-go/espalier/sup\"\n)\n\n"+
			"type T struct {\n\tsup.Tree\n\tA, B *%[2]s.T `sup:\"\"`\n}\n", own, other)
	}
	dir := write(t, map[string]string{"go.mod": "module example.com/m\n", "a/a.go": text("a", "b"), "b/b.go": text("b", "a")})
	if r := supgen(t, dir, "-graph=text", "./a"); r.code != success || strings.Count(r.out, "\n") != 5 {
		t.Errorf("%+v", r)
	}
}

func TestALongChainOfNestedTreesIsDrawnToADepth(t *testing.T) {
	const levels = 100
	text := strings.ReplaceAll(diamond("d", levels), "A, B *", "A *")
	dir := write(t, map[string]string{"d.go": text})
	if r := supgen(t, dir); r.code != success {
		t.Fatalf("%+v", r)
	}
	if size := len(read(t, dir, "sup_gen.go")); size > levels*20_000 {
		t.Errorf("the output has %d bytes", size)
	}
	if r := supgen(t, dir, "-graph=dot"); !strings.Contains(r.out, "*T99") {
		t.Error("the DOT drawing does not show all levels")
	}
}

func TestHostileSourcesEndWithAnOutputOrAFault(t *testing.T) {
	const many, children = 20_000, 2000 // a child has much more output than a field
	head := "package p\n\nimport \"github.com/espalier-go/espalier/sup\"\n\ntype T struct {\n\tsup.Tree\n"
	var workers, fields, imports strings.Builder
	for n := range many {
		fmt.Fprintf(&fields, "\tf%d int\n", n)
	}
	for n := range children {
		fmt.Fprintf(&workers, "\tC%d sup.Child[*W]\n", n)
		fmt.Fprintf(&imports, "\t\"example.com/x/p%d\"\n", n)
	}
	for name, tt := range map[string]struct {
		src  string
		code int
		says string
	}{
		"many children":      {head + workers.String() + "}\n", success, ""},
		"many other fields":  {head + fields.String() + "}\n", success, ""},
		"many imports":       {strings.Replace(head, "import ", "import (\n"+imports.String()+")\n\nimport ", 1) + workers.String() + "}\n", success, ""},
		"parentheses":        {head + "\tA sup.Child[" + strings.Repeat("(", many) + "W" + strings.Repeat(")", many) + "]\n}\n", failure, "p.go:7:4: a type is nested more than 200 levels deep (declare a type for a part of it)"},
		"more parentheses":   {head + "\tA sup.Child[" + strings.Repeat("(", 200_000) + "W" + strings.Repeat(")", 200_000) + "]\n}\n", failure, "exceeded max nesting depth"},
		"stars":              {head + "\tA sup.Child[" + strings.Repeat("*", many) + "W]\n}\n", failure, "p.go:7:4: a type is nested more than 200 levels deep (declare a type for a part of it)"},
		"slices":             {head + "\tA sup.Child[" + strings.Repeat("[]", many) + "W]\n}\n", failure, "p.go:7:4: a type is nested more than 200 levels deep (declare a type for a part of it)"},
		"fewer structs":      {head + "\tA " + strings.Repeat("struct{ A ", 40) + "int" + strings.Repeat(" }", 40) + "\n}\n", success, ""},
		"structs":            {head + "\tA " + strings.Repeat("struct{ A ", 5000) + "int" + strings.Repeat(" }", 5000) + "\n}\n", failure, "p.go:7:4: a type is nested more than 200 levels deep (declare a type for a part of it)"},
		"a long name":        {head + "\t" + strings.Repeat("N", 1<<20) + " sup.Child[*W]\n}\n", success, ""},
		"a long tag":         {head + "\tA sup.Child[*W] `sup:\"" + strings.Repeat("x", 1<<20) + "\"`\n}\n", failure, "unknown option"},
		"many options":       {head + "\tA sup.Child[*W] `sup:\"" + strings.Repeat("permanent,", many) + "\"`\n}\n", failure, "duplicate option permanent"},
		"a NUL in an option": {head + "\tA sup.Child[*W] `sup:\"\x00\"`\n}\n", failure, "NUL"},
		"a NUL":              {head + "\x00}\n", failure, "NUL"},
		"only NULs":          {strings.Repeat("\x00", 1<<20), success, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"p.go": tt.src})
			if r := supgen(t, dir); r.code != tt.code || !strings.Contains(r.errors, tt.says) {
				t.Errorf("exit code %d, want %d: %.500s", r.code, tt.code, r.errors)
			}
		})
	}
}

func TestAFileThatIsTooLargeIsAnError(t *testing.T) {
	dir := write(t, map[string]string{"orders.go": orders})
	large := filepath.Join(dir, "large.go")
	if err := os.WriteFile(large, []byte("package orders\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 1<<32); err != nil { // a sparse file
		t.Fatal(err)
	}
	const says = "large.go: larger than the limit of 64 MiB: move the data to another package\n"
	if r := supgen(t, dir); r.code != failure || !strings.HasSuffix(r.errors, says) {
		t.Errorf("%+v", r)
	}
}
