package gen_test

import (
	"testing"

	"github.com/espalier-go/espalier/gen"
)

// A tree whose constructor exists is declared by hand, unless no build includes the file
// of the constructor.
func TestAConstructorInAnIgnoredFileDoesNotCount(t *testing.T) {
	const tree = "package a\n\nimport \"github.com/espalier-go/espalier/sup\"\n\ntype T struct{ sup.Tree }\n"
	for constraint, counts := range map[string]bool{
		"":                                      true,
		"//go:build ignore":                     false,
		"//go:build none":                       false,
		"//go:build !ignore":                    true,
		"//go:build linux":                      true,
		"//go:build !linux && plan9":            true,
		"//go:build integration":                true,
		"//go:build linux && ignore":            false,
		"//go:build linux || ignore":            true,
		"//go:build ignore || none":             false,
		"//go:build !(linux || !ignore)":        false,
		"//go:build !(linux && ignore)":         true,
		"//go:build go1.26 && (ignore || cgo)":  true,
		"//go:build linux &&":                   true,
		"// Copyright\n\n// +build ignore":      false,
		"// +build ignore linux":                true,
		"// +build linux\n// +build ignore":     false,
		"// How to:\n//\n//\t//go:build ignore": true,
	} {
		files := map[string][]byte{
			"a.go": []byte(tree),
			"b.go": []byte(constraint + "\n\npackage a\n\nfunc NewT() {}\n"),
		}
		p, faults := gen.LoadFiles(files)
		if byHand := len(p.Trees) == 0; byHand != counts || len(faults) > 0 {
			t.Errorf("with %q, the tree is declared by hand: %v, want %v; faults: %v", constraint, byHand, counts, faults)
		}
	}
}
