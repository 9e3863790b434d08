// Package gen generates builders of supervision trees from Go structs.
// Command supgen runs it.
//
// A struct that embeds [sup.Tree] declares a tree. Its fields are the children, and
// their tags hold the policies:
//
//	type Orders struct {
//		sup.Tree `sup:"rest_for_one,intensity=3/5s"`
//
//		Quotes kv.Context[Symbol, Quote]
//		DB     sup.Child[*Pool]         `sup:"shutdown=5s"`
//		Feeds  sup.Keyed[Symbol, *Feed] `sup:"transient,max=100"`
//		Web    *web.Site
//	}
//
// # Guarantees
//
//  1. A fault names its place, down to the column in a tag, and what to write instead.
//  2. A package with a fault has no output. All its faults are reported at once.
//  3. Package sup accepts the policies of a tree without faults.
//  4. Generated code does not compile with a struct that has changed since, or with
//     another version of sup that it does not fit.
//  5. The same source gives the same output. A file that is up to date is not written.
//
// # Trees
//
// A tree is a struct declared at package level that embeds sup.Tree. It may be generic,
// unexported, or in a _test.go file. The types of its fields say what they are:
//
//	sup.Child[W]         a child
//	sup.Keyed[K, W]      children added and removed at run time, by key
//	sup.Replicas[W]      a number of equal children
//	*T                   a nested tree of this package
//	*pkg.T               a nested tree of another package, if it has a tag; sup:"" will do
//	kv.Context[K, V]     state shared by the children
//	mailbox.Mailbox[M]   messages to the children
//
// The order of the fields is the start order. Other fields are ignored, except for
// three kinds that are most likely mistakes and are faults: a worker without sup.Child
// around it, if this module declares its Run method or it is a worker of espalier; another
// name for a type above; and a child or a nested tree inside a struct, an array or a map.
//
// The tag sup:"-" excludes a field. On sup.Tree, it excludes the whole struct, which is
// then declared by hand. A struct without tags whose constructor exists, such as
// NewOrders, is also declared by hand. A constructor in a file that no build includes,
// such as one with //go:build ignore, does not count.
//
// The id of a child is the name of its field in lower case with underscores: DB is "db"
// and WebServer is "web_server". So the path of a feed is "orders/feeds/ACME".
//
// # Tags
//
// The value of the tag key sup is a list of options, separated by commas.
//
// On sup.Tree:
//
//	one_for_one                    restart the failed child; this is the default
//	one_for_all                    restart all children
//	rest_for_one                   restart the failed child and those declared after it
//	name=NAME                      the id; default the name of the field or type
//	intensity=4/10s                the restart intensity; or unlimited; default 3/5s
//	auto_shutdown=any_significant  end the tree with its first significant child; or all_significant, with the last; or never; default never
//	labels                         pprof labels for all workers; default none
//
// On a child, and on sup.Tree as a default for the children that are not nested trees:
//
//	permanent                      restart the child after every exit; this is the default
//	transient                      restart the child after an abnormal exit
//	temporary                      never restart the child
//	shutdown=10s                   the time to stop; or infinity; or brutal; default 5s, and infinity for a tree
//	start_timeout=10s              the time to become ready; default no limit
//	backoff=100ms..30s             the first and the longest wait before a restart; or the first alone, up to a minute; default none
//	factor=3                       how each wait grows from the last; default 2
//	jitter=0.5                     the fraction of each wait that is random; default 0
//	reset=1m                       how long the child must be ready for the waits to start over; default the longest wait
//	budget=5/1m                    the child's own intensity, beyond which it is quarantined; default none
//	watchdog=10s                   the longest time between two beats; default none
//	stuck=escalate                 fail the tree if the child does not stop in time; or abandon the child; or wait; default wait
//
// A nested tree has no watchdog. The word none removes a default of the tree, as in
// backoff=none and budget=none. A child that is restarted without a limit
// (intensity=unlimited, or budget=unlimited) must have a backoff, or say backoff=none.
//
// On a child only:
//
//	name=NAME                      the id; default the name of the field or type
//	significant                    the child can end the tree, see auto_shutdown; default not (sup.Child, nested trees)
//	max=10000                      the largest number of children; default no limit (sup.Keyed)
//	count=4                        the number of children; default what a method returns (sup.Replicas)
//	intensity=4/10s                the restart intensity; or unlimited; default 3/5s (sup.Keyed, sup.Replicas)
//	labels                         pprof labels for all workers; default none (sup.Keyed, sup.Replicas)
//
// On a mailbox:
//
//	cap=1000                       the number of messages that may wait; or unbounded; default 100
//
// # Plugins
//
// The directive //sup:plugin, alone on the last line of its comment, marks an interface
// that plugins implement, see package [plugin]:
//
//	// A Converter makes text of files.
//	//
//	//sup:plugin
//	type Converter interface {
//		// Convert may be called again when a plugin dies of it.
//		//
//		//sup:idempotent
//		Convert(ctx context.Context, f File) (Text, error)
//		Lines(ctx context.Context, f File) iter.Seq2[Line, error]
//		Index(ctx context.Context, files iter.Seq2[File, error], s Store) (int, error)
//	}
//
// The first parameter of a method is a context. Its last result is an error, or its one
// result is a stream, iter.Seq2[T, error]. A parameter may be a stream, or a callback,
// which is a marked interface of the same package. A marked interface may embed others of
// its package. A method with a stream or a callback cannot be idempotent.
//
// All other parameters and results are values. No value may contain an interface, a
// function, a channel, a complex number, a uintptr, or a struct with a field that is not
// exported, unless the type has MarshalBinary and UnmarshalBinary, or MarshalText and
// UnmarshalText. supgen reports what the types of the package contain. What types of
// other packages contain is reported by [plugin.CheckShape] and when a plugin starts.
//
// # Output
//
// The output is one file for each package, sup_gen.go, and sup_gen_test.go for trees in
// tests. For a tree Orders it declares:
//
//   - OrdersChildren, the interface that makes the workers,
//   - NewOrders, which builds the tree from an OrdersChildren,
//   - OrdersFuncs, which makes an OrdersChildren from functions.
//
// The methods of OrdersChildren are exported, so that any package can implement it:
// NewFeed for a child feed, and Web for a nested tree web. The method for a nested tree
// whose name has no capital letter begins with Tree, as in Tree_web and Tree世界.
//
// For an interface Converter it declares:
//
//   - ServeConverter, the main function of a plugin,
//   - ConverterPlugin, which returns the spec of a plugin from its command,
//   - NewConverter, which returns a Converter that calls the plugin of a handle.
//
// # Limits
//
// The source is parsed but not type-checked: the compiler checks the types, which are
// copied. A package is identified by its name in the import declaration. An import
// without a name must have a path in which its name can be recognized. Regular files of
// up to 64 MiB are read, others are ignored. Types are nested 200 levels deep at most.
//
// [plugin]: https://pkg.go.dev/github.com/espalier-go/espalier/sup/plugin
// [plugin.CheckShape]: https://pkg.go.dev/github.com/espalier-go/espalier/sup/plugin#CheckShape
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

// Generate returns the generated files of the package in a directory. If the package
// has faults, Generate returns all of them, sorted, and no files. The error is one of
// the file system.
func Generate(dir string) (outputs []Output, faults []Fault, err error) {
	var l Loader
	p, faults, err := l.Load(dir)
	if err != nil || len(faults) > 0 {
		return nil, faults, err
	}
	return p.Outputs()
}

// Load reads and checks the trees of the package in a directory. It returns all faults
// of the package, sorted. The error is one of the file system.
func (l *Loader) Load(dir string) (*Package, []Fault, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	if p := l.checked[absolute]; p != nil {
		return p, p.faults, nil
	}
	src, err := readDir(dir, false)
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

// Outputs returns the generated files of a package without faults, including those to
// remove. It removes no file while another file of the package does not parse. It then
// returns the syntax errors as faults.
func (p *Package) Outputs() ([]Output, []Fault, error) {
	var outputs []Output
	for _, test := range []bool{false, true} {
		name := outputName(test)
		trees, interfaces := p.emitted(test), p.emittedInterfaces(test)
		empty := len(trees) == 0 && len(interfaces) == 0
		existing, exists := p.src.generated[name]
		switch {
		case empty && !exists:
			continue
		case empty:
			if isGenerated(existing) {
				// The trees may be in the file that does not parse.
				if faults := p.src.unread(); len(faults) > 0 {
					return nil, faults, nil
				}
				outputs = append(outputs, Output{Path: filepath.Join(p.Dir, name), Old: existing, Remove: true, Directive: p.src.hasDirective()})
			}
			continue
		case p.src.blocked[name] != "":
			return nil, []Fault{{
				Pos:     token.Position{Filename: filepath.Join(p.Dir, name), Line: 1, Column: 1},
				Message: "supgen writes this file, but it is " + p.src.blocked[name],
				Hint:    "remove it",
			}}, nil
		case exists && !isGenerated(existing):
			return nil, []Fault{{
				Pos:     token.Position{Filename: filepath.Join(p.Dir, name), Line: 1, Column: 1},
				Message: "supgen writes this file, but the present file is not its output",
				Hint:    "rename the present file",
			}}, nil
		}
		content, err := emit(p, trees, interfaces, test)
		if err != nil {
			return nil, nil, err
		}
		outputs = append(outputs, Output{Path: filepath.Join(p.Dir, name), Old: existing, New: content, Directive: p.src.hasDirective()})
	}
	return outputs, nil, nil
}

// emitted returns the trees of one of the two outputs.
func (p *Package) emitted(test bool) []*Tree {
	var trees []*Tree
	for _, t := range p.Trees {
		if t.test == test {
			trees = append(trees, t)
		}
	}
	return trees
}

// emittedInterfaces returns the interfaces of one of the two outputs.
func (p *Package) emittedInterfaces(test bool) []*pluginInterface {
	var interfaces []*pluginInterface
	for _, i := range p.Interfaces {
		if i.file.test == test {
			interfaces = append(interfaces, i)
		}
	}
	return interfaces
}

func outputName(test bool) string {
	if test {
		return "sup_gen_test.go"
	}
	return "sup_gen.go"
}
