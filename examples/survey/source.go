package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"iter"
	"path"
	"strconv"
)

// A report has the statistics of one file.
type report struct {
	pkg       string // directory and package name
	lines     int
	imports   []string
	functions []function
	broken    bool // has syntax errors; the parsed part is counted
}

type function struct {
	name  string // with the receiver, if there is one
	file  string
	line  int
	lines int
}

// goFiles returns the paths of the Go files. It includes directories that cannot be
// listed. Reading one as a file fails, and so the survey reports it.
func goFiles(source fs.FS) iter.Seq[string] {
	return func(yield func(string) bool) {
		fs.WalkDir(source, ".", func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Type().IsRegular() && path.Ext(file) == ".go" {
				if !yield(file) {
					return fs.SkipAll
				}
			}
			return nil
		})
	}
}

// readReport reads and parses one file.
func readReport(source fs.FS, file string) (*report, error) {
	text, err := fs.ReadFile(source, file)
	if err != nil {
		return nil, err
	}
	positions := token.NewFileSet()
	syntax, err := parser.ParseFile(positions, file, text, parser.SkipObjectResolution)
	r := &report{
		pkg:    path.Join(path.Dir(file), syntax.Name.Name),
		lines:  bytes.Count(text, []byte("\n")),
		broken: err != nil,
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		r.lines++
	}
	for _, spec := range syntax.Imports {
		if name, err := strconv.Unquote(spec.Path.Value); err == nil {
			r.imports = append(r.imports, name)
		}
	}
	for _, decl := range syntax.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first := positions.PositionFor(f.Pos(), false).Line
		last := positions.PositionFor(f.End(), false).Line
		if last < first {
			continue // the file ends within the function
		}
		r.functions = append(r.functions, function{nameOf(f), file, first, last - first + 1})
	}
	return r, nil
}

// nameOf returns the name of a function with its receiver, as in (*T).Name.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return f.Name.Name
	}
	receiver := types.ExprString(f.Recv.List[0].Type)
	if receiver[0] == '*' {
		receiver = "(" + receiver + ")"
	}
	return receiver + "." + f.Name.Name
}
