package suptest

import "container/list"

// A family is the children of a supervisor in a form in which one can be put behind
// another, or taken out, whatever their number.
type family struct {
	up    *declared
	order *list.List               // of *declared
	of    map[string]*list.Element // by id
}

func newFamily(up *declared) *family {
	f := &family{up, list.New(), make(map[string]*list.Element)}
	for _, c := range up.children {
		f.of[c.id] = f.order.PushBack(c)
	}
	return f
}

// insert puts a child behind the one of an id, or before all if there is none.
func (f *family) insert(c *declared, after string) {
	if mark := f.of[after]; mark != nil {
		f.of[c.id] = f.order.InsertAfter(c, mark)
	} else {
		f.of[c.id] = f.order.PushFront(c)
	}
	f.up.register(c)
}

// drop takes a child out, if it is in.
func (f *family) drop(c *declared) {
	if at := f.of[c.id]; at != nil && at.Value == c {
		f.order.Remove(at)
		delete(f.of, c.id)
		delete(f.up.byID, c.id)
	}
}

// list returns the children in their order.
func (f *family) list() []*declared {
	all := make([]*declared, 0, f.order.Len())
	for at := f.order.Front(); at != nil; at = at.Next() {
		all = append(all, at.Value.(*declared))
	}
	return all
}
