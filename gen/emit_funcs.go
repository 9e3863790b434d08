package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

// emitFuncs:
//
//	func OrdersFuncs(newDB func(ctx context.Context, o *Orders) (*db.Pool, error), …) OrdersChildren {
//		return funcsOfOrders{newDB, …}
//	}
//
// The functions are parameters, not fields, so that a call without one does not compile.
func emitFuncs(t *Tree) *jen.Statement {
	var params, values []jen.Code
	for _, part := range t.adaptorParts() {
		params = append(params, jen.Id(part.name).Add(part.typ))
		values = append(values, jen.Id(part.name))
	}
	list := lines("(", ")", params)
	if len(params) < 2 {
		list = inline("(", ")", params)
	}
	return comment(fmt.Sprintf("%s returns a %s that calls functions.", t.funcsName(), t.childrenName())).
		Op("\n").Func().Id(t.funcsName()).Add(t.params()).Add(list).Add(t.own(t.childrenName())).
		Block(jen.Return(t.own(t.adaptorName()).Add(inline("{", "}", values))))
}

// adaptorPart is a field of a tree's adaptor.
type adaptorPart struct {
	name string
	typ  jen.Code
}

func (t *Tree) adaptorParts() []adaptorPart {
	var parts []adaptorPart
	for _, f := range t.fields {
		switch {
		case f.Kind == kindNested:
			parts = append(parts, adaptorPart{t.locals.makers[f], f.ofNested(childrenName(f.TreeName))})
		case f.isChild():
			parts = append(parts, adaptorPart{t.locals.makers[f], jen.Func().Add(t.makerSignature(f))})
		}
		if f.asksCount() {
			parts = append(parts, adaptorPart{t.locals.counts[f], jen.Int()})
		}
	}
	return parts
}

// emitAdaptor:
//
//	type funcsOfOrders struct {
//		newDB func(ctx context.Context, o *Orders) (*db.Pool, error)
//	}
func emitAdaptor(t *Tree) *jen.Statement {
	var fields []jen.Code
	for _, part := range t.adaptorParts() {
		fields = append(fields, jen.Id(part.name).Add(part.typ))
	}
	return jen.Type().Id(t.adaptorName()).Add(t.params()).Struct(fields...)
}

// emitAdaptorMethods:
//
//	func (f funcsOfOrders) NewDB(ctx context.Context, o *Orders) (*db.Pool, error) {
//		return f.newDB(ctx, o)
//	}
func emitAdaptorMethods(t *Tree) *jen.Statement {
	all := new(jen.Statement)
	method := func(name string, signature, result *jen.Statement) {
		all.Op("\n").Func().Params(jen.Id(t.locals.receiver).Add(t.own(t.adaptorName()))).
			Id(name).Add(signature).Block(jen.Return(result)).Op("\n")
	}
	for _, f := range t.fields {
		field := func(name string) *jen.Statement { return jen.Id(t.locals.receiver).Dot(name) }
		switch {
		case f.Kind == kindNested:
			method(f.makerName(), t.makerSignature(f), field(t.locals.makers[f]))
		case f.isChild():
			args := append([]jen.Code{jen.Id(t.locals.ctx), jen.Id(t.locals.tree)}, t.extra(f, false)...)
			method(f.makerName(), t.makerSignature(f), field(t.locals.makers[f]).Call(args...))
		}
		if f.asksCount() {
			method(f.countName(), jen.Params().Int(), field(t.locals.counts[f]))
		}
	}
	return all
}
