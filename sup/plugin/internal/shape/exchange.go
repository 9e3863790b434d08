package shape

import (
	"fmt"
	"reflect"
)

// An Exchange is the form in which host and plugin send each other the shape of their
// interface. Interfaces and types refer to each other by index. Interface 0 is the one
// that the plugin serves.
type Exchange struct {
	Interfaces []ExchangeInterface
	Types      []ExchangeType
}

// An ExchangeInterface is an interface of an [Exchange].
type ExchangeInterface struct {
	Name    string
	Methods []ExchangeMethod
}

// An ExchangeMethod is a method of an [ExchangeInterface].
type ExchangeMethod struct {
	Name            string
	Params, Results []ExchangeParam
}

// An ExchangeParam is a parameter or a result of an [ExchangeMethod].
type ExchangeParam struct {
	Role Role
	Of   int // index of the type, or of the interface of a callback
}

// An ExchangeType is a type of an [Exchange].
type ExchangeType struct {
	Kind   Kind
	Name   string // in Go
	Size   int
	Elem   int // index, or -1
	Key    int // index, or -1
	Fields []ExchangeField
}

// An ExchangeField is a field of a struct.
type ExchangeField struct {
	Name     string
	Optional bool
	Type     int
}

// Exchange returns the shape of an interface without faults.
func (i *Interface) Exchange() Exchange {
	b := exchangeBuilder{interfaces: make(map[*Interface]int), types: make(map[reflect.Type]int)}
	b.addInterface(i)
	return b.Exchange
}

type exchangeBuilder struct {
	Exchange
	interfaces map[*Interface]int
	types      map[reflect.Type]int
}

func (b *exchangeBuilder) addInterface(i *Interface) int {
	if at, ok := b.interfaces[i]; ok {
		return at
	}
	at := len(b.Interfaces)
	b.interfaces[i] = at
	b.Interfaces = append(b.Interfaces, ExchangeInterface{Name: i.name})
	methods := make([]ExchangeMethod, len(i.methods))
	for n, m := range i.methods {
		methods[n] = ExchangeMethod{m.name, b.addParams(m.params), b.addParams(m.results)}
	}
	b.Interfaces[at].Methods = methods
	return at
}

func (b *exchangeBuilder) addParams(all []crossing) []ExchangeParam {
	out := make([]ExchangeParam, len(all))
	for n, c := range all {
		out[n].Role = c.role
		if c.role == RoleCallback {
			out[n].Of = b.addInterface(c.callback)
		} else {
			out[n].Of = b.addType(c.node)
		}
	}
	return out
}

func (b *exchangeBuilder) addType(n *node) int {
	if n == nil {
		return -1
	}
	if at, ok := b.types[n.typ]; ok {
		return at
	}
	at := len(b.Types)
	b.types[n.typ] = at
	b.Types = append(b.Types, ExchangeType{Kind: n.kind, Name: n.name, Size: n.size})
	elem, key := b.addType(n.elem), b.addType(n.key)
	fields := make([]ExchangeField, len(n.fields))
	for i, f := range n.fields {
		fields[i] = ExchangeField{f.name, f.optional, b.addType(f.node)}
	}
	t := &b.Types[at]
	t.Elem, t.Key, t.Fields = elem, key, fields
	return at
}

// Valid returns an error if an index of an Exchange, which came from another process,
// is out of range.
func (e Exchange) Valid() error {
	typeAt := func(i int) bool { return i >= 0 && i < len(e.Types) }
	if len(e.Interfaces) == 0 {
		return fmt.Errorf("shape without an interface")
	}
	for _, i := range e.Interfaces {
		for _, m := range i.Methods {
			for _, p := range append(m.Params[:len(m.Params):len(m.Params)], m.Results...) {
				if p.Role == RoleCallback && (p.Of < 0 || p.Of >= len(e.Interfaces)) || p.Role != RoleCallback && !typeAt(p.Of) {
					return fmt.Errorf("shape of %s.%s: index out of range", i.Name, m.Name)
				}
			}
		}
	}
	for _, t := range e.Types {
		needsElem := t.Kind == KindPointer || t.Kind == KindSlice || t.Kind == KindArray || t.Kind == KindMap
		if needsElem && !typeAt(t.Elem) || t.Kind == KindMap && !typeAt(t.Key) {
			return fmt.Errorf("shape of %s: index out of range", t.Name)
		}
		for _, f := range t.Fields {
			if !typeAt(f.Type) {
				return fmt.Errorf("shape of %s.%s: index out of range", t.Name, f.Name)
			}
		}
	}
	return nil
}
