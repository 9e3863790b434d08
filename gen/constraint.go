package gen

import (
	"go/build/constraint"
	"path/filepath"
	"slices"
	"strings"
)

// constraint returns a build constraint of a file, or "".
func (f *file) constraint() string {
	if lines := f.constraintLines(); len(lines) > 0 {
		return lines[0]
	}
	name := strings.TrimSuffix(filepath.Base(f.name), ".go")
	name = strings.TrimSuffix(name, "_test")
	_, word, _ := lastCut(name, '_')
	if slices.Contains(systems, word) || slices.Contains(architectures, word) {
		return "the suffix _" + word
	}
	return ""
}

// constraintLines returns the comments before the package clause that are build
// constraints.
func (f *file) constraintLines() []string {
	var lines []string
	for _, group := range f.ast.Comments {
		if group.Pos() > f.ast.Package {
			break
		}
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) || constraint.IsPlusBuild(c.Text) {
				lines = append(lines, strings.TrimSpace(c.Text))
			}
		}
	}
	return lines
}

// neverSet are the build tags that no build sets, by convention.
var neverSet = []string{"ignore", "none"}

// isIgnored reports whether no build includes a file, such as one with //go:build
// ignore. A file for another system or with other tags is not ignored.
func (f *file) isIgnored() bool {
	for _, line := range f.constraintLines() {
		// The compiler reports an error in a constraint.
		if x, err := constraint.Parse(line); err == nil && !canBe(x, true) {
			return true
		}
	}
	return false
}

// canBe reports whether some choice of tags gives a constraint the wanted value. Tags
// in neverSet are never chosen.
func canBe(x constraint.Expr, want bool) bool {
	switch x := x.(type) {
	case *constraint.NotExpr:
		return canBe(x.X, !want)
	case *constraint.AndExpr:
		if want {
			return canBe(x.X, true) && canBe(x.Y, true)
		}
		return canBe(x.X, false) || canBe(x.Y, false)
	case *constraint.OrExpr:
		if want {
			return canBe(x.X, true) || canBe(x.Y, true)
		}
		return canBe(x.X, false) && canBe(x.Y, false)
	case *constraint.TagExpr:
		return !want || !slices.Contains(neverSet, x.Tag)
	}
	return true
}

// Suffixes of file names that are build constraints, see "go help buildconstraint".
var (
	systems = strings.Fields("aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd " +
		"openbsd plan9 solaris wasip1 windows zos")
	architectures = strings.Fields("386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 " +
		"mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm")
)
