package sup

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// floors are the files of this package, from the lowest floor up. A file may
// refer to its own floor and to those below. ARCHITECTURE.md says what each floor
// may do.
var floors = []struct {
	name  string
	files string
}{
	{"vocabulary", "worker closed state policy spec event eventkind errors stoperror info path text validate checkneeds decide plan wait exhausted exhausted_other exhausted_plan9 exhausted_windows shield doc version"},
	{"state", "core child needs incarnation context config round_state abandoned record history retired nested stack observe notify subscribe handle_ref"},
	{"transitions", "start launch timer exit execute round stop stopset end stuck operator replace startall stopwithin"},
	{"drivers", "supervision ready life goroutines watchdog task reference"},
	{"views", "snapshot condense inspect above control locate stream slog"},
	{"face", "idcalls supervisor keyed ensure keytext replicas tree stateful handle adapt every"},
}

// climbs are the references that may go up, and why.
var climbs = map[string]string{
	"startLoop -> child.loop":                 "a transition starts the goroutine of a child",
	"core.markReady -> core.watchLocked":      "a transition sets the timer of the watchdog",
	"core.detachLocked -> core.unwatchLocked": "a transition clears the timer of the watchdog",
}

func TestNoFileRefersToAHigherFloor(t *testing.T) {
	floorOf := map[string]int{}
	for i, floor := range floors {
		for file := range strings.FieldsSeq(floor.files) {
			floorOf[file+".go"] = i
		}
	}
	fset, files, info := typeCheck(t)
	for name := range files {
		if _, known := floorOf[name]; !known {
			t.Errorf("%s is on no floor: add it to the list in this test, on the lowest floor that has what it refers to", name)
		}
	}
	for name := range floorOf {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s is on the list and not in this directory", name)
		}
	}
	used := map[string]bool{}
	for name, file := range files {
		if _, known := floorOf[name]; !known {
			continue // reported above, once
		}
		for _, decl := range file.Decls {
			from := declName(decl)
			ast.Inspect(decl, func(n ast.Node) bool {
				id, is := n.(*ast.Ident)
				if !is {
					return true
				}
				object := info.Uses[id]
				if object == nil || object.Pkg() == nil || object.Pkg().Name() != "sup" {
					return true
				}
				at := filepath.Base(fset.Position(origin(object).Pos()).Filename)
				if floorOf[at] <= floorOf[name] {
					return true
				}
				reference := from + " -> " + objectName(object)
				if _, may := climbs[reference]; may {
					used[reference] = true
					return true
				}
				t.Errorf("%v: %s (%s) refers to %s (%s), which is on a higher floor",
					fset.Position(id.Pos()), from, floors[floorOf[name]].name, objectName(object), floors[floorOf[at]].name)
				return true
			})
		}
	}
	for reference := range climbs {
		if !used[reference] {
			t.Errorf("%s is allowed to climb and does not: take it off the list", reference)
		}
	}
}
