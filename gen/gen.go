// Package gen makes supervision trees out of Go types: it reads the structs of
// a package that embed sup.Tree, and writes the code that builds them.
// Command supgen is the way to run it.
//
// # Trees
//
// A struct declared at package level that embeds [sup.Tree] is a tree, generic
// or not, exported or not, also in a _test.go file. Its fields, in their order,
// are the children and what they share:
//
//	sup.Child[W]         a child
//	sup.Keyed[K, W]      children added and removed at run time, by key
//	sup.Replicas[W]      a number of children that are alike
//	*T                   a nested tree of this package
//	*pkg.T               a nested tree of another package; needs a tag, sup:"" at least
//	kv.Context[K, V]     state that the children share
//	mailbox.Mailbox[M]   messages to the children
//
// All other fields are left alone, but for those that would be silent mistakes, which
// are faults: a worker without sup.Child around it, as far as its Run is declared in
// this package; another name for one of the types above; and a child in a struct, an
// array or a map. Struct types are nested 200 levels deep at most. The tag sup:"-" leaves a field out that
// would be a child, and on sup.Tree itself says that the tree is declared by
// hand. So is a struct without any tags whose constructor, as NewOrders, is
// there already, be it for another system; but not in a file that is part of no
// build, as by //go:build ignore.
//
// A child is called what its field is, in lower case with underscores: field
// DB is "db" and WebServer is "web_server", so the path of a feed of type
// Orders is "orders/feeds/ACME". The option name= says otherwise.
//
// # Tags
//
// The value of the key sup is a list of options, separated by commas. On
// sup.Tree:
//
//	one_for_one, one_for_all, rest_for_one     the strategy; default one_for_one
//	intensity=3/5s, intensity=unlimited        the restart intensity; default 3/5s
//	auto_shutdown=any_significant              or all_significant, or never
//	labels                                     pprof labels for all workers
//	name=NAME                                  instead of the name of the type
//
// On a child, and on sup.Tree as the default for those of its children that
// are not trees:
//
//	permanent, transient, temporary            the restart policy; default permanent
//	shutdown=5s                                or infinity, or brutal
//	start_timeout=10s
//	backoff=100ms..30s                         from the first wait to the longest; or just the first
//	factor=2, jitter=0.5, reset=1m             how it grows, is spread, and starts over
//	budget=5/1m                                the child's own intensity: past it, quarantine
//	watchdog=10s                               how long it may go without a beat
//	stuck=wait                                 or abandon, or escalate
//
// The word none takes a default of the tree back: backoff=none,
// start_timeout=none, budget=none, watchdog=none. On a child only:
//
//	name=NAME                                  instead of the name of the field
//	significant                                Child and nested trees
//	max=10000                                  Keyed: the number of children at most
//	count=4                                    Replicas: how many; without it a method is asked
//	intensity=3/5s, labels                     Keyed and Replicas: those of the set
//
// On a mailbox:
//
//	cap=1000, cap=unbounded                    how many messages may wait; default 100
//
// # Output
//
// There is one file a package, sup_gen.go, and sup_gen_test.go for the trees
// of its tests. For a tree Orders it holds OrdersChildren, the interface of
// what makes the children; NewOrders, which builds the tree from that;
// OrdersFuncs, which makes an OrdersChildren of plain functions; and guards,
// which do not compile when the struct has changed since.
//
// The methods of OrdersChildren are exported, whatever the fields are: NewFeed
// for a child feed, Web for a nested tree web, and TreeX for one whose name X has
// no capital to begin with, as Tree_web and Tree世界.
//
// Reading is syntax only: types are copied as they stand, and checked by the
// compiler. Packages are told apart by the names in the import declarations;
// where an import has none, its name must be recognizable in its path. Of a directory
// the regular files are read, of up to 64 MiB each; what else is called like a source
// file, as a named pipe, is passed by.
package gen

import (
	"go/token"
	"path/filepath"
)

const (
	supPath = "github.com/espalier-go/espalier/sup"
	kvPath  = "github.com/espalier-go/espalier/kv"

	mailboxPath = supPath + "/mailbox"
)

// Generate reads the package in a directory and returns what its generated
// files should be. If there are faults, they are all of the package's, sorted,
// and there is no output. The error is one of the file system.
func Generate(dir string) (outputs []Output, faults []Fault, err error) {
	var l Loader
	p, faults, err := l.Load(dir)
	if err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	return p.Outputs()
}

// Load reads the trees of the package in a directory, and checks them. The
// faults are all of the package's, sorted.
func (l *Loader) Load(dir string) (*Package, []Fault, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	if p := l.checked[absolute]; p != nil {
		return p, p.faults, nil
	}
	src, err := readDir(dir)
	if err != nil {
		return nil, nil, err
	}
	p := parse(src)
	check(p, l)
	p.faults = SortFaults(p.faults)
	if l.checked == nil {
		l.checked = make(map[string]*Package)
	}
	l.checked[absolute] = p
	return p, p.faults, nil
}

// Outputs returns what the generated files of a package without faults should
// be, those to be removed included. None is removed as long as a file of the
// package does not parse; the faults say why.
func (p *Package) Outputs() ([]Output, []Fault, error) {
	var outputs []Output
	for _, test := range []bool{false, true} {
		name := outputName(test)
		trees := p.emitted(test)
		existing, exists := p.src.generated[name]
		switch {
		case len(trees) == 0 && !exists:
			continue
		case len(trees) == 0:
			if IsGenerated(existing) {
				// The trees may be in a file that cannot be read just now.
				if faults := p.src.unread(); len(faults) > 0 {
					return nil, faults, nil
				}
				outputs = append(outputs, Output{Path: filepath.Join(p.Dir, name), Old: existing, Remove: true})
			}
			continue
		case p.src.blocked[name] != "":
			return nil, []Fault{{
				Pos:     token.Position{Filename: filepath.Join(p.Dir, name), Line: 1, Column: 1},
				Message: "this is where the output of supgen goes, but it is " + p.src.blocked[name],
				Hint:    "remove it",
			}}, nil
		case exists && !IsGenerated(existing):
			return nil, []Fault{{
				Pos:     token.Position{Filename: filepath.Join(p.Dir, name), Line: 1, Column: 1},
				Message: "this file is where the output of supgen goes, but was not written by it",
				Hint:    "give it another name",
			}}, nil
		}
		content, err := emit(p, trees, test)
		if err != nil {
			return nil, nil, err
		}
		outputs = append(outputs, Output{Path: filepath.Join(p.Dir, name), Old: existing, New: content})
	}
	return outputs, nil, nil
}

// emitted returns the trees that belong in one of the two outputs.
func (p *Package) emitted(test bool) []*Tree {
	var trees []*Tree
	for _, t := range p.Trees {
		if t.test == test {
			trees = append(trees, t)
		}
	}
	return trees
}

func outputName(test bool) string {
	if test {
		return "sup_gen_test.go"
	}
	return "sup_gen.go"
}
