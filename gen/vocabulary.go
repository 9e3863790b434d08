package gen

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dave/jennifer/jen"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// code returns the type with the names of packages in the output.
func (t sourceType) code() *jen.Statement {
	s := new(jen.Statement)
	for _, part := range t.parts {
		switch {
		case part.imp != nil:
			s.Qual(part.imp.Path, part.text)
		case part.text != "":
			s.Op(part.text)
		}
	}
	return s
}

// ofSup returns a qualified name of package sup.
func ofSup(name string) *jen.Statement { return jen.Qual(supPath, name) }

// lines returns a list in brackets, with one item on each line.
func lines(open, shut string, items []jen.Code) *jen.Statement {
	return jen.Custom(jen.Options{Open: open, Close: shut, Separator: ",", Multi: true}, items...)
}

// inline returns a list in brackets on one line.
func inline(open, shut string, items []jen.Code) *jen.Statement {
	return jen.Custom(jen.Options{Open: open, Close: shut, Separator: ","}, items...)
}

// structure is a composite literal of a struct. It keeps the order of its fields, which
// jennifer's Dict would sort.
type structure struct{ items []jen.Code }

func (s *structure) set(field string, value jen.Code) {
	s.items = append(s.items, jen.Id(field).Op(":").Add(value))
}

func (s *structure) of(typ jen.Code) *jen.Statement {
	return jen.Add(typ).Add(lines("{", "}", s.items))
}

func (s *structure) inline(typ jen.Code) *jen.Statement {
	return jen.Add(typ).Add(inline("{", "}", s.items))
}

// comment returns a line comment for each line of a text. Lines that begin with a tab
// are preformatted. A multi-line Comment of jennifer would become a /* */ comment.
func comment(text string) *jen.Statement {
	s := new(jen.Statement)
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			s.Op("\n")
		}
		if line != "" && line[0] != '\t' {
			line = " " + line
		}
		s.Comment("//" + line)
	}
	return s
}

// camel returns the Go name of an enumeration value: rest_for_one is RestForOne.
func camel(word fmt.Stringer) string {
	var b strings.Builder
	for part := range strings.SplitSeq(word.String(), "_") {
		b.WriteString(upper(part))
	}
	return b.String()
}

// expression returns the Go expression of an option's value.
func expression(value any) *jen.Statement {
	switch v := value.(type) {
	case sup.Strategy:
		return ofSup(camel(v))
	case sup.Restart:
		return ofSup(camel(v))
	case sup.AutoShutdown:
		return ofSup("AutoShutdown" + camel(v))
	case sup.WhenStuck:
		return ofSup("Stuck" + camel(v))
	case time.Duration:
		return duration(v)
	case sup.Intensity:
		return intensity(v)
	case sup.Backoff:
		return backoff(v)
	case int:
		if v == mailbox.Unbounded {
			return jen.Qual(mailboxPath, "Unbounded")
		}
	}
	return jen.Lit(value)
}

var units = []struct {
	length time.Duration
	name   string
}{
	{time.Hour, "Hour"},
	{time.Minute, "Minute"},
	{time.Second, "Second"},
	{time.Millisecond, "Millisecond"},
	{time.Microsecond, "Microsecond"},
	{time.Nanosecond, "Nanosecond"},
}

// duration returns the expression of a duration in the largest unit that gives a whole
// number, such as 90 * time.Second.
func duration(d time.Duration) *jen.Statement {
	switch d {
	case sup.Infinity:
		return ofSup("Infinity")
	case sup.Brutal:
		return ofSup("Brutal")
	}
	for _, unit := range units {
		if d%unit.length != 0 {
			continue
		}
		if d == unit.length {
			return jen.Qual("time", unit.name)
		}
		return jen.Op(strconv.FormatInt(int64(d/unit.length), 10)).Op("*").Qual("time", unit.name)
	}
	return jen.Lit(0)
}

// intensity returns the expression of an intensity.
func intensity(i sup.Intensity) *jen.Statement {
	if i == sup.Unlimited {
		return ofSup("Unlimited")
	}
	var s structure
	s.set("Restarts", jen.Lit(i.Restarts))
	s.set("Within", duration(i.Within))
	return s.inline(ofSup("Intensity"))
}

// backoff returns the expression of a backoff.
func backoff(b sup.Backoff) *jen.Statement {
	var s structure
	s.set("Min", duration(b.Min))
	if b.Max != 0 {
		s.set("Max", duration(b.Max))
	}
	if b.Factor != 0 {
		s.set("Factor", number(b.Factor))
	}
	if b.Jitter != 0 {
		s.set("Jitter", number(b.Jitter))
	}
	if b.ResetAfter != 0 {
		s.set("ResetAfter", duration(b.ResetAfter))
	}
	return s.inline(ofSup("Backoff"))
}

func number(x float64) *jen.Statement { return jen.Op(strconv.FormatFloat(x, 'g', -1, 64)) }

// params returns the type parameters of a generic tree for a declaration, and args those
// for a use. The declaration ends with a comma, because [T *C] could be the length of an
// array. gofmt removes the comma where it is not needed.
func (t *Tree) params() jen.Code {
	var list []jen.Code
	for _, p := range t.typeParams {
		list = append(list, jen.Id(p.Name).Add(p.Constraint.code()))
	}
	return brackets(list, ",]")
}

func (t *Tree) args() jen.Code {
	var list []jen.Code
	for _, p := range t.typeParams {
		list = append(list, jen.Id(p.Name))
	}
	return brackets(list, "]")
}

func brackets(list []jen.Code, shut string) jen.Code {
	if len(list) == 0 {
		return jen.Null()
	}
	return inline("[", shut, list)
}

// own returns a generated name of a tree, with the type arguments.
func (t *Tree) own(name string) *jen.Statement { return jen.Id(name).Add(t.args()) }

// ofNested returns a generated name of the nested tree in a field.
func (f *field) ofNested(name string) *jen.Statement {
	if f.Import != nil {
		return jen.Qual(f.Import.Path, name).Add(f.Args.code())
	}
	return jen.Id(name).Add(f.Args.code())
}
