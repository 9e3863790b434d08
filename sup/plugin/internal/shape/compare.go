package shape

import (
	"fmt"
	"strings"
)

// Compare returns why a host and a plugin do not fit together, or nil. here is the shape
// of the host, and there that of the plugin. Both must be [Exchange.Valid].
//
// The plugin must have all methods of the host, and may have more. Kinds and the names
// of fields must agree, and names of types need not. A field that only the receiver of a
// value has is zero there. A field that only the sender has is a difference, unless it
// is optional at the sender.
func Compare(here, there Exchange) []Fault {
	c := comparer{here: here, there: there, seen: make(map[pair]bool), typesSeen: make(map[pair]bool)}
	c.interfaces(0, 0, "", toPlugin)
	return c.faults
}

// direction is the way of the parameters of an interface.
type direction bool

const (
	toPlugin direction = true
	toHost   direction = false
)

// pair is a pair of indices, here and there, and the way of the values.
type pair struct {
	here, there int
	direction
}

type comparer struct {
	here, there     Exchange
	seen, typesSeen map[pair]bool
	faults          []Fault
}

func (c *comparer) fault(path, format string, args ...any) {
	c.faults = append(c.faults, Fault{path, fmt.Sprintf(format, args...)})
}

// interfaces compares an interface of which calls go in a direction. The caller's
// methods must all be there.
func (c *comparer) interfaces(here, there int, prefix string, d direction) {
	if p := (pair{here, there, d}); c.seen[p] {
		return
	} else {
		c.seen[p] = true
	}
	h, t := c.here.Interfaces[here], c.there.Interfaces[there]
	calling, serving, servingSide := h, t, "in the plugin"
	if d == toHost {
		calling, serving, servingSide = t, h, "here"
	}
	for _, m := range calling.Methods {
		other, ok := findMethod(serving, m.Name)
		if !ok {
			c.fault(prefix+m.Name, "is missing %s", servingSide)
			continue
		}
		hm, tm := m, other
		if d == toHost {
			hm, tm = other, m
		}
		at := prefix + m.Name
		c.params(hm.Params, tm.Params, at, "parameters", d)
		c.params(hm.Results, tm.Results, at, "results", !d)
	}
}

func findMethod(i ExchangeInterface, name string) (ExchangeMethod, bool) {
	for _, m := range i.Methods {
		if m.Name == name {
			return m, true
		}
	}
	return ExchangeMethod{}, false
}

func (c *comparer) params(here, there []ExchangeParam, at, what string, d direction) {
	if len(here) != len(there) {
		c.fault(at, "has %d %s here and %d in the plugin", len(here), what, len(there))
		return
	}
	for n, h := range here {
		t := there[n]
		switch {
		case h.Role != t.Role:
			c.fault(at, "has a %s as number %d of its %s here and a %s in the plugin", h.Role, n+1, what, t.Role)
		case h.Role == RoleCallback:
			name := c.here.Interfaces[h.Of].Name
			c.interfaces(h.Of, t.Of, at+": "+name+".", !d)
		default:
			c.types(h.Of, t.Of, at+": "+base(c.here.Types[h.Of].Name), d)
		}
	}
}

// base returns the name of a type without its package.
func base(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && !strings.ContainsAny(name, "[]*{ ") {
		return name[i+1:]
	}
	return name
}

// types compares a type of which values go in a direction.
func (c *comparer) types(here, there int, path string, d direction) {
	if p := (pair{here, there, d}); c.typesSeen[p] {
		return
	} else {
		c.typesSeen[p] = true
	}
	h, t := c.here.Types[here], c.there.Types[there]
	if h.Kind != t.Kind || h.Size != t.Size {
		c.fault(path, "is %s here and %s in the plugin", h.describe(), t.describe())
		return
	}
	switch h.Kind {
	case KindPointer:
		c.types(h.Elem, t.Elem, path, d)
	case KindSlice, KindArray:
		c.types(h.Elem, t.Elem, path+"[]", d)
	case KindMap:
		c.types(h.Key, t.Key, path+" (key)", d)
		c.types(h.Elem, t.Elem, path+"[]", d)
	case KindStruct:
		c.structs(h, t, path, d)
	}
}

func (c *comparer) structs(h, t ExchangeType, path string, d direction) {
	for _, f := range h.Fields {
		other, ok := findField(t, f.Name)
		if ok {
			c.types(f.Type, other.Type, path+"."+f.Name, d)
		} else if d == toPlugin && !f.Optional {
			c.fault(path+"."+f.Name, "is missing in the plugin, so its value would be lost: add it there, or tag it plugin:\"optional\" here")
		}
	}
	for _, f := range t.Fields {
		if _, ok := findField(h, f.Name); !ok && d == toHost && !f.Optional {
			c.fault(path+"."+f.Name, "is missing here, so its value would be lost: add it here, or tag it plugin:\"optional\" in the plugin")
		}
	}
}

func findField(t ExchangeType, name string) (ExchangeField, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return ExchangeField{}, false
}

// describe returns a type for a fault, by its kind where its name does not say it.
func (t ExchangeType) describe() string {
	switch t.Kind {
	case KindInt, KindUint, KindFloat:
		return t.Name
	case KindStruct:
		return "struct " + t.Name
	case KindBinary, KindText:
		return fmt.Sprintf("%s (%s)", t.Name, t.Kind)
	}
	if t.Name == "" {
		return string(t.Kind)
	}
	return t.Name
}
