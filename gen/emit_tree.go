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
	return fmt.Sprintf("%s returns a new %s, which has not been started. The observers see\n"+
		"every event of it and of the trees in it.\n\n%s", t.constructorName(), t.Name, indent(t.Draw()))
}

// emitCapacities:
//
//	o.Trades.SetCapacity(1000)
//	o.Audits.SetCapacity(mailbox.Unbounded)
func (t *Tree) emitCapacities() []jen.Code {
	var calls []jen.Code
	for _, f := range t.Fields {
		capacity := jen.Lit(f.Capacity)
		switch f.Capacity {
		case 0:
			continue
		case unbounded:
			capacity = jen.Qual(mailboxPath, "Unbounded")
		}
		calls = append(calls, jen.Id(t.locals.tree).Dot(f.Name).Dot("SetCapacity").Call(capacity))
	}
	return calls
}

// emitNested:
//
//	{Web: NewWeb(c.Web())}
func (t *Tree) emitNested() *jen.Statement {
	var items []jen.Code
	for _, f := range t.Fields {
		if f.Kind == Nested {
			children := jen.Id(t.locals.children).Dot(f.makerName()).Call()
			items = append(items, jen.Id(f.Name).Op(":").Add(f.ofNested(constructorName(f.TreeName))).Call(children))
		}
	}
	if len(items) == 1 {
		return inline("{", "}", items)
	}
	return lines("{", "}", items)
}

// emitDeclaration is the arguments of Declare:
//
//	(
//		sup.TreeSpec{Name: "orders", …},
//		o.DB.Declare(sup.ChildSpec[*db.Pool]{…}),
//	)
func (t *Tree) emitDeclaration() *jen.Statement {
	args := []jen.Code{t.emitTreeSpec()}
	for _, f := range t.Fields {
		handle := jen.Id(t.locals.tree).Dot(f.Name)
		switch f.Kind {
		case Child:
			args = append(args, handle.Dot("Declare").Call(t.emitChildSpec(f)))
		case Keyed:
			args = append(args, handle.Dot("Declare").Call(t.emitKeyedSpec(f)))
		case Replicas:
			args = append(args, handle.Dot("Declare").Call(t.emitReplicasSpec(f)))
		case Nested:
			args = append(args, ofSup("Nest").Call(handle, t.emitNestSpec(f)))
		}
	}
	if len(args) == 1 {
		return inline("(", ")", args)
	}
	return lines("(", ")", args)
}

// emitTreeSpec:
//
//	sup.TreeSpec{Name: "orders", Strategy: sup.RestForOne, …}
func (t *Tree) emitTreeSpec() *jen.Statement {
	var s structure
	s.set("Name", jen.Lit(t.ID))
	if t.Strategy != "" {
		s.set("Strategy", constant(t.Strategy))
	}
	if t.Intensity != nil {
		s.set("Intensity", intensity(*t.Intensity))
	}
	if t.AutoShutdown != "" {
		s.set("AutoShutdown", constant(t.AutoShutdown))
	}
	s.set("Observers", jen.Id(t.locals.observers))
	if t.Labels {
		s.set("Labels", jen.True())
	}
	return s.of(ofSup("TreeSpec"))
}

// emitChildSpec:
//
//	sup.ChildSpec[*db.Pool]{ID: "db", Start: func(ctx context.Context) (*db.Pool, error) {…}, …}
func (t *Tree) emitChildSpec(f *Field) *jen.Statement {
	var s structure
	s.set("ID", jen.Lit(f.ID))
	s.set("Start", t.emitStart(f))
	s.setPolicy(f.Policy)
	return s.of(ofSup("ChildSpec").Add(inline("[", "]", []jen.Code{f.Worker.code()})))
}

// emitKeyedSpec:
//
//	sup.KeyedSpec[Symbol, *Feed]{Name: "feeds", Start: func(ctx context.Context, key Symbol) (*Feed, error) {…}, …}
func (t *Tree) emitKeyedSpec(f *Field) *jen.Statement {
	var s structure
	s.set("Name", jen.Lit(f.ID))
	s.set("Start", t.emitStart(f))
	if f.Policy.Max != 0 {
		s.set("Max", jen.Lit(f.Policy.Max))
	}
	s.setSet(f.Policy)
	s.setPolicy(f.Policy)
	return s.of(ofSup("KeyedSpec").Add(inline("[", "]", []jen.Code{f.Key.code(), f.Worker.code()})))
}

// emitReplicasSpec:
//
//	sup.ReplicasSpec[*Matcher]{Name: "match", Count: 4, Start: func(ctx context.Context, i int) (*Matcher, error) {…}, …}
func (t *Tree) emitReplicasSpec(f *Field) *jen.Statement {
	var s structure
	s.set("Name", jen.Lit(f.ID))
	if f.asksCount() {
		s.set("Count", jen.Id(t.locals.children).Dot(f.countName()).Call())
	} else {
		s.set("Count", jen.Lit(f.Policy.Count))
	}
	s.set("Start", t.emitStart(f))
	s.setSet(f.Policy)
	s.setPolicy(f.Policy)
	return s.of(ofSup("ReplicasSpec").Add(inline("[", "]", []jen.Code{f.Worker.code()})))
}

// emitNestSpec:
//
//	sup.ChildSpec[*Web]{ID: "web", Shutdown: 30 * time.Second}
func (t *Tree) emitNestSpec(f *Field) *jen.Statement {
	var s structure
	s.set("ID", jen.Lit(f.ID))
	s.setPolicy(f.Policy)
	typ := ofSup("ChildSpec").Add(inline("[", "]", []jen.Code{f.Type.code()}))
	if len(s.items) == 1 {
		return s.inline(typ)
	}
	return s.of(typ)
}

// emitStart:
//
//	func(ctx context.Context, key Symbol) (*Feed, error) { return c.NewFeeds(ctx, o, key) }
func (t *Tree) emitStart(f *Field) *jen.Statement {
	args := append([]jen.Code{jen.Id(t.locals.ctx), jen.Id(t.locals.tree)}, t.extra(f, false)...)
	return jen.Func().Add(t.startSignature(f)).
		Op("{").Return(jen.Id(t.locals.children).Dot(f.makerName()).Call(args...)).Op("}")
}

// setSet sets what is about a set as a whole.
func (s *structure) setSet(p Policy) {
	if p.Intensity != nil {
		s.set("Intensity", intensity(*p.Intensity))
	}
	if p.Labels {
		s.set("Labels", jen.True())
	}
}

// setPolicy sets what the specs of all kinds of children have.
func (s *structure) setPolicy(p Policy) {
	if p.Restart != "" {
		s.set("Restart", constant(p.Restart))
	}
	if p.Significant {
		s.set("Significant", jen.True())
	}
	if p.Shutdown != 0 {
		s.set("Shutdown", duration(p.Shutdown))
	}
	if p.StartTimeout != 0 {
		s.set("StartTimeout", duration(p.StartTimeout))
	}
	if p.Backoff.Min != 0 {
		s.set("Backoff", backoff(p.Backoff))
	}
	if p.Budget != nil {
		s.set("Budget", intensity(*p.Budget))
	}
	if p.Watchdog != 0 {
		s.set("Watchdog", duration(p.Watchdog))
	}
	if p.Stuck != "" {
		s.set("Stuck", constant(p.Stuck))
	}
}
