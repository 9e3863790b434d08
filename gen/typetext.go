package gen

import (
	"go/ast"
	"go/printer"
	"go/scanner"
	"go/token"
	"strings"
)

// typeText copies an expression out of a file, and notes what packages it
// names. Comments and line breaks are left behind.
func (p *Package) typeText(f *file, expr ast.Expr) Type {
	from, to := p.src.fset.File(expr.Pos()).Offset(expr.Pos()), p.src.fset.File(expr.Pos()).Offset(expr.End())
	typ := Type{Text: p.display(expr)}
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

// word is a token of a copied text.
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

// qualifier returns the package that stands at a token, as in pkg.Name, or nil.
func (p *Package) qualifier(f *file, tokens []word, i int, start token.Pos) *Import {
	if tokens[i].tok != token.IDENT || i+2 >= len(tokens) ||
		tokens[i+1].tok != token.PERIOD || tokens[i+2].tok != token.IDENT ||
		i > 0 && tokens[i-1].tok == token.PERIOD {
		return nil
	}
	name, pos := tokens[i].text, start+token.Pos(tokens[i].offset)
	imp, several := f.resolve(name)
	switch {
	case imp != nil && imp.Path == "C":
		p.fault(pos, "give the type a name of its own", "a type of C cannot be named in another file")
	case imp != nil:
		return imp
	case several:
		p.fault(pos, "name it in the import declaration: "+name+" \"its/path\"", "%s could be several of the imports", name)
	case !p.declares(f, name):
		p.fault(pos, "name it in the import declaration: "+name+" \"its/path\"", "no import can be recognized as %s", name)
	}
	return nil
}

// identifiers are all names in a type, those of packages included.
func (t Type) identifiers(add func(string)) {
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

// display is an expression on one line.
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

// mostNested is how deep the syntax of a type may be. A guard repeats the type, and
// gofmt, which measures each part again at each level above it, takes minutes for a
// few thousand.
const mostNested = 200

// isDeep reports whether the syntax of a type is deeper than mostNested.
func isDeep(expr ast.Expr) bool {
	depth, deepest := 0, 0
	ast.Inspect(expr, func(n ast.Node) bool {
		if n == nil {
			depth--
			return false
		}
		deepest = max(deepest, depth+1)
		if depth >= mostNested {
			return false // and no nil follows
		}
		depth++
		return true
	})
	return deepest > mostNested
}

// simple prints the types that most fields have; the printer takes its time.
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
