package replay

import (
	"container/list"

	"github.com/espalier-go/espalier/internal/scenario"
)

// childList edits the children of a supervisor. Insertion and removal take constant
// time, whatever the number of children.
type childList struct {
	up    *scenario.Child
	order *list.List               // of *scenario.Child
	of    map[string]*list.Element // by id
}

func newChildList(up *scenario.Child) *childList {
	l := &childList{up, list.New(), make(map[string]*list.Element)}
	for _, c := range up.Children {
		l.of[c.ID] = l.order.PushBack(c)
	}
	return l
}

// insert puts a child behind the one with an id, or first if there is none.
func (l *childList) insert(c *scenario.Child, after string) {
	if mark := l.of[after]; mark != nil {
		l.of[c.ID] = l.order.InsertAfter(c, mark)
	} else {
		l.of[c.ID] = l.order.PushFront(c)
	}
	l.up.Register(c)
}

// remove removes a child, if it is in the list.
func (l *childList) remove(c *scenario.Child) {
	if at := l.of[c.ID]; at != nil && at.Value == c {
		l.order.Remove(at)
		delete(l.of, c.ID)
		l.up.Unregister(c.ID)
	}
}

// save makes the list the children of the supervisor.
func (l *childList) save() {
	all := make([]*scenario.Child, 0, l.order.Len())
	for at := l.order.Front(); at != nil; at = at.Next() {
		all = append(all, at.Value.(*scenario.Child))
	}
	l.up.Children = all
}
