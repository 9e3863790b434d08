package gen

import (
	"go/ast"
	"go/printer"
	"go/scanner"
	"go/token"
	"strings"
)

// typeText returns the text of an expression, without comments and line breaks.
func (p *Package) typeText(f *file, expr ast.Expr) sourceType {
	from, to := p.src.fset.File(expr.Pos()).Offset(expr.Pos()), p.src.fset.File(expr.Pos()).Offset(expr.End())
	typ := sourceType{Text: p.display(expr)}
	tokens := scan(f.src[from:to])
	var run strings.Builder
	for i := 0; i < len(tokens); i++ {
		if imp := p.qualifier(f, tokens, i, expr.Pos()); imp != nil {
			typ.parts = append(typ.parts, part{text: run.String()}, part{text: tokens[i+2].text, imp: imp})
			run.Reset()
			i += 2
			continue
		}
		if run.Len() > 0 {
			run.WriteByte(' ')
		}
		run.WriteString(tokens[i].text)
	}
	typ.parts = append(typ.parts, part{text: run.String()})
	return typ
}

// word is a token with its text and offset.
type word struct {
	tok    token.Token
	text   string
	offset int
}

func scan(src []byte) []word {
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, 0)
	var words []word
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if lit == "" {
			lit = tok.String()
		}
		words = append(words, word{tok, lit, file.Offset(pos)})
	}
	if last := len(words) - 1; last >= 0 && words[last].tok == token.SEMICOLON {
		words = words[:last]
	}
	return words
}

// qualifier returns the package of a qualified name, as in pkg.Name, that begins at a
// token, or nil.
func (p *Package) qualifier(f *file, tokens []word, i int, start token.Pos) *importedPackage {
	if tokens[i].tok != token.IDENT || i+2 >= len(tokens) ||
		tokens[i+1].tok != token.PERIOD || tokens[i+2].tok != token.IDENT ||
		i > 0 && tokens[i-1].tok == token.PERIOD {
		return nil
	}
	name, pos := tokens[i].text, start+token.Pos(tokens[i].offset)
	imp, several := f.resolve(name)
	hint := "write the name in the import declaration, as in " + name + " \"its/path\""
	switch {
	case imp != nil && imp.Path == "C":
		p.fault(pos, "declare a Go type for it", "generated code cannot use a type of package C")
	case imp != nil:
		return imp
	case several:
		p.fault(pos, hint, "several imports could have the name %s", name)
	case !p.declares(f, name):
		p.fault(pos, hint, "no import has the name %s", name)
	}
	return nil
}

// identifiers calls add with all names in a type, including names of packages.
func (t sourceType) identifiers(add func(string)) {
	for _, part := range t.parts {
		if part.imp != nil {
			add(part.imp.Name)
			continue
		}
		for _, w := range scan([]byte(part.text)) {
			if w.tok == token.IDENT {
				add(w.text)
			}
		}
	}
}

// display returns the text of an expression on one line.
func (p *Package) display(expr ast.Expr) string {
	if s, ok := simple(expr); ok {
		return s
	}
	var b strings.Builder
	if err := printer.Fprint(&b, p.src.fset, expr); err != nil {
		return "?"
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// maxNested is the largest depth of the syntax of a type. A guard repeats the type, and
// gofmt measures each part once for each level above it: a type that is a few thousand
// levels deep takes minutes.
const maxNested = 200

// isDeep reports whether the syntax of a type is deeper than maxNested.
func isDeep(expr ast.Expr) bool {
	depth, deepest := 0, 0
	ast.Inspect(expr, func(n ast.Node) bool {
		if n == nil {
			depth--
			return false
		}
		deepest = max(deepest, depth+1)
		if depth >= maxNested {
			return false // Inspect then makes no call with nil
		}
		depth++
		return true
	})
	return deepest > maxNested
}

// simple returns the text of the types that most fields have, because the printer is
// slow.
func simple(expr ast.Expr) (string, bool) {
	switch x := expr.(type) {
	case *ast.Ident:
		return x.Name, true
	case *ast.StarExpr:
		s, ok := simple(x.X)
		return "*" + s, ok
	case *ast.SelectorExpr:
		s, ok := simple(x.X)
		return s + "." + x.Sel.Name, ok
	case *ast.IndexExpr:
		return simpleIndex(x.X, x.Index)
	case *ast.IndexListExpr:
		return simpleIndex(x.X, x.Indices...)
	}
	return "", false
}

func simpleIndex(x ast.Expr, indices ...ast.Expr) (string, bool) {
	s, all := simple(x)
	list := make([]string, len(indices))
	for i, index := range indices {
		var ok bool
		list[i], ok = simple(index)
		all = all && ok
	}
	return s + "[" + strings.Join(list, ", ") + "]", all
}
