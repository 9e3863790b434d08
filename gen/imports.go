package gen

import (
	"fmt"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// readImports reads the imports of a file.
func (f *file) readImports() {
	for _, spec := range f.ast.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		switch {
		case spec.Name == nil:
			f.imports = append(f.imports, &importedPackage{Path: path})
		case spec.Name.Name == ".":
			f.dots = append(f.dots, path)
		case spec.Name.Name != "_":
			f.imports = append(f.imports, &importedPackage{Path: path, Name: spec.Name.Name, Named: true})
		}
	}
}

// resolved is the package that a name denotes in a file.
type resolved struct {
	imp     *importedPackage
	several bool
}

// resolve returns the import that a name denotes, or nil. several reports that more than
// one import fits. The result is cached, because a file can have many fields and many
// imports.
func (f *file) resolve(name string) (imp *importedPackage, several bool) {
	if r, known := f.resolved[name]; known {
		return r.imp, r.several
	}
	if f.resolved == nil {
		f.resolved = make(map[string]resolved)
	}
	imp, several = f.find(name)
	f.resolved[name] = resolved{imp, several}
	return imp, several
}

// find is resolve without the cache.
func (f *file) find(name string) (imp *importedPackage, several bool) {
	var best []*importedPackage
	rank := unlike
	for _, imp := range f.imports {
		if imp.Named {
			if imp.Name == name {
				return imp, false
			}
			continue
		}
		switch r := likeness(name, imp.Path); {
		case r < rank:
			best, rank = []*importedPackage{imp}, r
		case r == rank && r != unlike:
			best = append(best, imp)
		}
	}
	if len(best) != 1 {
		return nil, len(best) > 1
	}
	return &importedPackage{Path: best[0].Path, Name: name}, false
}

const unlike = 3

// likeness rates how well a name fits an import path without a name in the import
// declaration: 0 for the last element, 1 for the element before a major version, 2 for
// a part of one of these.
func likeness(name, path string) int {
	elements := strings.Split(path, "/")
	last := elements[len(elements)-1]
	if last == name {
		return 0
	}
	if len(elements) > 1 && isMajorVersion(last) {
		last = elements[len(elements)-2]
	} else if before, version, ok := lastCut(last, '.'); ok && isMajorVersion(version) { // gopkg.in/yaml.v3
		last = before
	}
	if last == name {
		return 1
	}
	pieces := strings.FieldsFunc(last, func(r rune) bool { return r == '-' || r == '.' || r == '_' })
	lower := strings.ToLower(last)
	if slices.Contains(pieces, name) || lower == name || strings.Join(pieces, "") == name || strings.Join(pieces, "_") == name {
		return 2
	}
	return unlike
}

func isMajorVersion(s string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "v"))
	return err == nil && n >= 0 && strings.HasPrefix(s, "v")
}

// importNames are the names of the packages in an output.
type importNames struct {
	byPath map[string]*importedPackage
	paths  map[string]string // by name
	params map[string]bool   // type parameters of the trees
	taken  func(name string) bool
}

// add chooses a name for the package of an import, unless it has one.
func (n *importNames) add(imp *importedPackage) {
	if n.byPath[imp.Path] != nil {
		return
	}
	chosen := *imp
	for i := 2; !n.free(chosen.Name, imp); i++ {
		chosen.Name, chosen.Named = fmt.Sprintf("%s%d", imp.Name, i), true
	}
	n.byPath[imp.Path] = &chosen
	n.paths[chosen.Name] = imp.Path
}

// free reports whether an import may have a name. The name in the source is free, unless
// a type parameter in another file hides it.
func (n *importNames) free(name string, imp *importedPackage) bool {
	_, used := n.paths[name]
	return !used && !n.params[name] && !isReserved(name) && (name == imp.Name && imp.fromSource() || !n.taken(name))
}

// fromSource reports whether the source has the import. The generated code adds others.
func (imp *importedPackage) fromSource() bool {
	return imp != contextImport && imp != timeImport && !slices.Contains(interfaceImports, imp)
}

var (
	contextImport = &importedPackage{Path: "context", Name: "context"}
	timeImport    = &importedPackage{Path: "time", Name: "time"}

	// interfaceImports are the packages of the code for interfaces.
	interfaceImports = []*importedPackage{
		{Path: "iter", Name: "iter"},
		{Path: "reflect", Name: "reflect"},
		{Path: pluginPath, Name: "plugin"},
		{Path: generatedPath, Name: "generated"},
		{Path: supPath + "/proc", Name: "proc"},
	}
)

// isReserved reports whether a name is a keyword, predeclared, or blank.
func isReserved(name string) bool {
	return name == "_" || token.IsKeyword(name) || slices.Contains(predeclared, name)
}

var predeclared = strings.Fields("any append bool byte cap clear close comparable complex complex128 " +
	"complex64 copy delete error false float32 float64 imag int int16 int32 int64 int8 iota len make max " +
	"min new nil panic print println real recover rune string true uint uint16 uint32 uint64 uint8 uintptr")

// words returns the words of a name in camel case, in lower case: HTTPServer has the
// words http and server.
func words(name string) []string {
	var list []string
	runes := []rune(name)
	start := 0
	for i := 1; i <= len(runes); i++ {
		switch {
		case i == len(runes):
		case runes[i] == '_':
		case unicode.IsUpper(runes[i]) && !unicode.IsUpper(runes[i-1]): // aB
		case unicode.IsUpper(runes[i]) && i+1 < len(runes) && unicode.IsLower(runes[i+1]) && !plural(runes[i:]): // ABc
		default:
			continue
		}
		if word := strings.Trim(string(runes[start:i]), "_"); word != "" {
			list = append(list, strings.ToLower(word))
		}
		start = i
	}
	return list
}

// plural reports whether the rest of a name begins with a plural of an abbreviation, as
// in DBs and URLs.
func plural(rest []rune) bool {
	return len(rest) >= 2 && rest[1] == 's' && (len(rest) == 2 || unicode.IsUpper(rest[2]))
}

// snake returns the id that a field or type has by its name.
func snake(name string) string { return strings.Join(words(name), "_") }
