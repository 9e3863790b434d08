package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"
)

const generatedPath = pluginPath + "/generated"

func ofPlugin(name string) *jen.Statement    { return jen.Qual(pluginPath, name) }
func ofGenerated(name string) *jen.Statement { return jen.Qual(generatedPath, name) }

// emitPlugin returns the declarations for an interface.
func emitPlugin(i *pluginInterface, errors []string) []*jen.Statement {
	all := []*jen.Statement{emitServe(i), emitPluginSpec(i), emitPluginConstructor(i), emitDefinition(i, errors), emitClient(i)}
	for _, m := range i.unique() {
		all = append(all, emitClientMethod(i, m))
	}
	return append(all, emitInterfaceGuard(i))
}

// unique returns the methods, each name once.
func (i *pluginInterface) unique() []*pluginMethod {
	seen := make(map[string]bool)
	var methods []*pluginMethod
	for _, m := range i.methods {
		if !seen[m.Name] {
			methods = append(methods, m)
		}
		seen[m.Name] = true
	}
	return methods
}

// emitServe:
//
//	func ServeConverter(impl Converter) { generated.Serve(definitionOfConverter, impl) }
func emitServe(i *pluginInterface) *jen.Statement {
	return comment(fmt.Sprintf("%s serves impl until the host ends the process. It is the main function of a\nplugin.", i.names.serve)).Op("\n").
		Func().Id(i.names.serve).Params(jen.Id("impl").Id(i.Name)).Op("{").
		Add(ofGenerated("Serve")).Call(jen.Id(i.names.definition), jen.Id("impl")).Op("}")
}

// emitPluginSpec:
//
//	func ConverterPlugin(command proc.Command) plugin.Spec[Converter] {
//		return generated.Spec[Converter](definitionOfConverter, command)
//	}
func emitPluginSpec(i *pluginInterface) *jen.Statement {
	return comment(fmt.Sprintf("%s returns the spec of a plugin whose main function calls %s.", i.names.spec, i.names.serve)).Op("\n").
		Func().Id(i.names.spec).Params(jen.Id("command").Qual(supPath+"/proc", "Command")).
		Add(ofPlugin("Spec")).Index(jen.Id(i.Name)).
		Block(jen.Return(ofGenerated("Spec").Index(jen.Id(i.Name)).Call(jen.Id(i.names.definition), jen.Id("command"))))
}

// emitPluginConstructor:
//
//	func NewConverter(h plugin.Handle[Converter]) Converter {
//		return clientOfConverter{generated.Through(definitionOfConverter, h)}
//	}
func emitPluginConstructor(i *pluginInterface) *jen.Statement {
	return comment(fmt.Sprintf("%s returns a %s whose methods call the plugin of a handle. They wait for a\n"+
		"restart while their context lasts. See plugin.Do for the errors.", i.names.constructor, i.Name)).Op("\n").
		Func().Id(i.names.constructor).Params(jen.Id("h").Add(ofPlugin("Handle")).Index(jen.Id(i.Name))).Id(i.Name).
		Block(jen.Return(jen.Id(i.names.client).Values(ofGenerated("Through").Call(jen.Id(i.names.definition), jen.Id("h")))))
}

// emitDefinition:
//
//	var definitionOfConverter = generated.Define(&generated.Definition{…})
func emitDefinition(i *pluginInterface, errors []string) *jen.Statement {
	var methods, known []jen.Code
	for _, m := range i.unique() {
		methods = append(methods, emitMethod(i, m))
	}
	for _, name := range errors {
		known = append(known, jen.Values(jen.Id("Name").Op(":").Lit(name), jen.Id("Err").Op(":").Id(name)))
	}
	var s structure
	s.set("Name", jen.Lit(i.Name))
	s.set("Type", jen.Qual("reflect", "TypeFor").Index(jen.Id(i.Name)).Call())
	s.set("NewClient", jen.Func().Params(jen.Id("c").Add(ofGenerated("Caller"))).Any().Op("{").Return(jen.Id(i.names.client).Values(jen.Id("c"))).Op("}"))
	s.set("CallerOf", jen.Func().Params(jen.Id("client").Any()).Add(ofGenerated("Caller")).Op("{").
		Return(jen.Id("client").Assert(jen.Id(i.names.client)).Dot("c")).Op("}"))
	if len(known) > 0 {
		s.set("Errors", jen.Index().Add(ofGenerated("NamedError")).Add(lines("{", "}", known)))
	}
	s.set("Methods", jen.Index().Add(ofGenerated("Method")).Add(lines("{", "}", methods)))
	return jen.Var().Id(i.names.definition).Op("=").Add(ofGenerated("Define")).Call(jen.Op("&").Add(s.of(ofGenerated("Definition"))))
}

// emitMethod:
//
//	{Name: "Convert", Idempotent: true, Serve: func(ctx context.Context, impl any, c *generated.ServerCall) error {…}}
func emitMethod(i *pluginInterface, m *pluginMethod) jen.Code {
	var s structure
	s.set("Name", jen.Lit(m.Name))
	if m.idempotent.IsValid() {
		s.set("Idempotent", jen.True())
	}
	if m.session() {
		s.set("Session", jen.True())
	}
	s.set("Serve", jen.Func().Params(jen.Id("ctx").Qual("context", "Context"), jen.Id("impl").Any(), jen.Id("c").Op("*").Add(ofGenerated("ServerCall"))).Error().
		Block(emitServing(i, m)...))
	return s.inline(new(jen.Statement))
}

// emitServing returns the body of a Serve function:
//
//	var p0 File
//	if err := c.Args(&p0); err != nil {
//		return err
//	}
//	r0, err := impl.(Converter).Convert(ctx, p0)
//	return c.Return(err, &r0)
func emitServing(i *pluginInterface, m *pluginMethod) []jen.Code {
	var body []jen.Code
	args := []jen.Code{jen.Id("ctx")}
	for n, p := range m.params {
		name := fmt.Sprint("p", n)
		args = append(args, jen.Id(name))
		switch {
		case p.stream:
			body = append(body, jen.Id(name).Op(":=").Add(ofGenerated("TakeInput")).Index(p.Type.code()).Call(jen.Id("c")))
		case p.callback != nil:
			body = append(body,
				jen.List(jen.Id(name), jen.Err()).Op(":=").Add(ofGenerated("TakeCallback")).Index(p.Type.code()).Call(jen.Id("c")),
				jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err())))
		default:
			body = append(body,
				jen.Var().Id(name).Add(p.Type.code()),
				jen.If(jen.Err().Op(":=").Id("c").Dot("Args").Call(jen.Op("&").Id(name)), jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Err())))
		}
	}
	call := jen.Id("impl").Assert(jen.Id(i.Name)).Dot(m.Name).Call(args...)
	if m.stream {
		return append(body, jen.Return(ofGenerated("Output").Call(jen.Id("c"), call)))
	}
	out, pointers := make([]jen.Code, 0, len(m.results)+1), []jen.Code{jen.Err()}
	for n := range m.results {
		name := fmt.Sprint("r", n)
		out, pointers = append(out, jen.Id(name)), append(pointers, jen.Op("&").Id(name))
	}
	out = append(out, jen.Err())
	assign := ":="
	if len(m.results) == 0 && m.hasCallback() { // err is declared already
		assign = "="
	}
	return append(body, jen.List(out...).Op(assign).Add(call), jen.Return(jen.Id("c").Dot("Return").Call(pointers...)))
}

func (m *pluginMethod) hasCallback() bool {
	for _, p := range m.params {
		if p.callback != nil {
			return true
		}
	}
	return false
}

// emitClient:
//
//	type clientOfConverter struct{ c generated.Caller }
func emitClient(i *pluginInterface) *jen.Statement {
	return comment(fmt.Sprintf("%s is a %s on the other side.", i.names.client, i.Name)).Op("\n").
		Type().Id(i.names.client).Struct(jen.Id("c").Add(ofGenerated("Caller")))
}

// emitClientMethod:
//
//	func (p clientOfConverter) Convert(ctx context.Context, p0 File) (r0 Text, err error) {
//		err = p.c.Call(ctx, "Convert", []any{&p0}, []any{&r0})
//		return r0, err
//	}
func emitClientMethod(i *pluginInterface, m *pluginMethod) *jen.Statement {
	params := []jen.Code{jen.Id("ctx").Qual("context", "Context")}
	var in []jen.Code
	for n, p := range m.params {
		name := fmt.Sprint("p", n)
		param := jen.Id(name)
		switch {
		case p.stream:
			params = append(params, param.Add(seq2(p.Type)))
			in = append(in, ofGenerated("Input").Call(jen.Id(name)))
		case p.callback != nil:
			params = append(params, param.Add(p.Type.code()))
			in = append(in, ofGenerated("Callback").Index(p.Type.code()).Call(jen.Id(name)))
		default:
			params = append(params, param.Add(p.Type.code()))
			in = append(in, jen.Op("&").Id(name))
		}
	}
	f := jen.Func().Params(jen.Id("p").Id(i.names.client)).Id(m.Name).Params(params...)
	if m.stream {
		args := append([]jen.Code{jen.Id("ctx"), jen.Id("p").Dot("c"), jen.Lit(m.Name)}, in...)
		return f.Add(seq2(m.results[0].Type)).Block(jen.Return(ofGenerated("Stream").Index(m.results[0].Type.code()).Call(args...)))
	}
	var results, out, names []jen.Code
	for n, r := range m.results {
		name := fmt.Sprint("r", n)
		results = append(results, jen.Id(name).Add(r.Type.code()))
		out, names = append(out, jen.Op("&").Id(name)), append(names, jen.Id(name))
	}
	results, names = append(results, jen.Err().Error()), append(names, jen.Err())
	list := func(items []jen.Code) jen.Code {
		if len(items) == 0 {
			return jen.Nil()
		}
		return jen.Index().Any().Add(inline("{", "}", items))
	}
	call := jen.Id("p").Dot("c").Dot("Call").Call(jen.Id("ctx"), jen.Lit(m.Name), list(in), list(out))
	if len(m.results) == 0 {
		return f.Error().Block(jen.Return(call))
	}
	return f.Params(results...).Block(jen.Err().Op("=").Add(call), jen.Return(names...))
}

func seq2(elem sourceType) *jen.Statement {
	return jen.Qual("iter", "Seq2").Index(jen.List(elem.code(), jen.Error()))
}

// emitInterfaceGuard:
//
//	func _() {
//		type outdatedRunGoGenerate interface {
//			Convert(context.Context, File) (Text, error)
//		}
//		var _ outdatedRunGoGenerate = Converter(nil)
//	}
//
// A method that is added, or whose signature changes, fails in the constructor.
func emitInterfaceGuard(i *pluginInterface) *jen.Statement {
	var methods []jen.Code
	for _, m := range i.unique() {
		params := []jen.Code{jen.Qual("context", "Context")}
		for _, p := range m.params {
			if p.stream {
				params = append(params, seq2(p.Type))
			} else {
				params = append(params, p.Type.code())
			}
		}
		method := jen.Id(m.Name).Params(params...)
		if m.stream {
			methods = append(methods, method.Add(seq2(m.results[0].Type)))
			continue
		}
		var results []jen.Code
		for _, r := range m.results {
			results = append(results, r.Type.code())
		}
		methods = append(methods, method.Params(append(results, jen.Error())...))
	}
	return comment(fmt.Sprintf("If this does not compile, %s has changed since this file was generated: run\ngo generate.", i.Name)).
		Op("\n").Func().Id("_").Params().Block(
		jen.Type().Id("outdatedRunGoGenerate").Interface(methods...),
		jen.Var().Id("_").Id("outdatedRunGoGenerate").Op("=").Id(i.Name).Call(jen.Nil()),
	)
}
