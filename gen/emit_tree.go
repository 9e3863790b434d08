package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

// emitConstructor:
//
//	func NewOrders(c OrdersChildren, observers ...sup.Observer) *Orders {
//		o := &Orders{Web: NewWeb(c.Web())}
//		o.Trades.SetCapacity(1000)
//		o.Declare(sup.TreeSpec{…},
//			o.DB.Declare(…),
//		)
//		return o
//	}
func emitConstructor(t *Tree) *jen.Statement {
	tree := t.locals.tree
	body := []jen.Code{jen.Id(tree).Op(":=").Op("&").Add(t.own(t.Name)).Add(t.emitNested())}
	body = append(body, t.emitCapacities()...)
	body = append(body,
		jen.Id(tree).Dot("Declare").Add(t.emitDeclaration()),
		jen.Return(jen.Id(tree)))
	return comment(t.constructorDoc()).Op("\n").
		Func().Id(t.constructorName()).Add(t.params()).
		Params(
			jen.Id(t.locals.children).Add(t.own(t.childrenName())),
			jen.Id(t.locals.observers).Op("...").Add(ofSup("Observer")),
		).
		Op("*").Add(t.own(t.Name)).
		Block(body...)
}

func (t *Tree) constructorDoc() string {
	return fmt.Sprintf("%s returns a new %s, which is not started. The observers receive the\n"+
		"events of the tree and of its nested trees.\n\n%s", t.constructorName(), t.Name, indent(t.Draw()))
}

// emitCapacities:
//
//	o.Trades.SetCapacity(1000)
//	o.Audits.SetCapacity(mailbox.Unbounded)
func (t *Tree) emitCapacities() []jen.Code {
	var calls []jen.Code
	for _, f := range t.fields {
		if set, ok := f.policy["cap"]; ok {
			calls = append(calls, jen.Id(t.locals.tree).Dot(f.Name).Dot("SetCapacity").Call(expression(set.value)))
		}
	}
	return calls
}

// emitNested:
//
//	{Web: NewWeb(c.Web())}
func (t *Tree) emitNested() *jen.Statement {
	var items []jen.Code
	for _, f := range t.fields {
		if f.Kind == kindNested {
			children := jen.Id(t.locals.children).Dot(f.makerName()).Call()
			items = append(items, jen.Id(f.Name).Op(":").Add(f.ofNested(constructorName(f.TreeName))).Call(children))
		}
	}
	if len(items) == 1 {
		return inline("{", "}", items)
	}
	return lines("{", "}", items)
}

// emitDeclaration returns the arguments of Declare:
//
//	(
//		sup.TreeSpec{Name: "orders", …},
//		o.DB.Declare(sup.ChildSpec[*db.Pool]{…}),
//	)
func (t *Tree) emitDeclaration() *jen.Statement {
	args := []jen.Code{t.emitTreeSpec()}
	for _, f := range t.fields {
		handle := jen.Id(t.locals.tree).Dot(f.Name)
		switch {
		case f.Kind == kindNested:
			args = append(args, ofSup("Nest").Call(handle, t.emitSpec(f)))
		case f.isChild():
			args = append(args, handle.Dot("Declare").Call(t.emitSpec(f)))
		}
	}
	if len(args) == 1 {
		return inline("(", ")", args)
	}
	return lines("(", ")", args)
}

// emitTreeSpec:
//
//	sup.TreeSpec{Name: "orders", Strategy: sup.RestForOne, …, Observers: observers}
func (t *Tree) emitTreeSpec() *jen.Statement {
	var s structure
	s.set("Name", jen.Lit(t.ID))
	s.setOptions(t.options)
	s.set("Observers", jen.Id(t.locals.observers))
	return s.of(ofSup("TreeSpec"))
}

// emitSpec:
//
//	sup.ChildSpec[*db.Pool]{ID: "db", Start: func(ctx context.Context) (*db.Pool, error) {…}, …}
//	sup.KeyedSpec[Symbol, *Feed]{Name: "feeds", Start: func(ctx context.Context, key Symbol) (*Feed, error) {…}, …}
//	sup.ReplicasSpec[*Matcher]{Name: "match", Count: 4, Start: func(ctx context.Context, i int) (*Matcher, error) {…}, …}
//	sup.ChildSpec[*Web]{ID: "web", Shutdown: 30 * time.Second}
func (t *Tree) emitSpec(f *field) *jen.Statement {
	name, id, types := "ChildSpec", "ID", []jen.Code{f.Worker.code()}
	switch f.Kind {
	case kindKeyed:
		name, id, types = "KeyedSpec", "Name", []jen.Code{f.Key.code(), f.Worker.code()}
	case kindReplicas:
		name, id = "ReplicasSpec", "Name"
	case kindNested:
		types = []jen.Code{f.Type.code()}
	}
	var s structure
	s.set(id, jen.Lit(f.ID))
	if f.Kind != kindNested {
		s.set("Start", t.emitStart(f))
	}
	if f.asksCount() {
		s.set("Count", jen.Id(t.locals.children).Dot(f.countName()).Call())
	}
	s.setOptions(f.policy)
	typ := ofSup(name).Add(inline("[", "]", types))
	if len(s.items) == 1 {
		return s.inline(typ)
	}
	return s.of(typ)
}

// emitStart:
//
//	func(ctx context.Context, key Symbol) (*Feed, error) { return c.NewFeeds(ctx, o, key) }
func (t *Tree) emitStart(f *field) *jen.Statement {
	args := append([]jen.Code{jen.Id(t.locals.ctx), jen.Id(t.locals.tree)}, t.extra(f, false)...)
	return jen.Func().Add(t.startSignature(f)).
		Op("{").Return(jen.Id(t.locals.children).Dot(f.makerName()).Call(args...)).Op("}")
}

// setOptions sets the fields that options stand for. The value of an option includes
// its parts.
func (s *structure) setOptions(o options) {
	for _, set := range o.inOrder() {
		if set.option.field != "" && !set.option.isPart() {
			s.set(set.option.field, expression(set.value))
		}
	}
}
