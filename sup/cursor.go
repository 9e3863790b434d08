package sup

// A walk goes through the children of a supervisor in one direction. The lock
// is let go between two steps, and children may leave and come meanwhile; a
// walk never meets one twice.
type cursor struct {
	sup   *core
	at    *child
	back  bool
	moved bool // at is the next one already
}

// walkLocked begins a walk at from, which is the first child that next
// returns. Who begins a walk must end it.
func (s *core) cursorLocked(from *child, back bool) *cursor {
	w := &cursor{sup: s, at: from, back: back, moved: true}
	s.list.cursors = append(s.list.cursors, w)
	return w
}

// nextLocked returns the next child, or nil.
func (w *cursor) nextLocked() *child {
	if !w.moved && w.at != nil {
		w.at = w.beyond(w.at)
	}
	w.moved = false
	return w.at
}

func (w *cursor) beyond(c *child) *child {
	if w.back {
		return c.prev
	}
	return c.next
}

// leaveLocked is called before a child leaves the list.
func (w *cursor) leaveLocked(c *child) {
	if w.at == c {
		w.at, w.moved = w.beyond(c), true
	}
}

func (w *cursor) endLocked() {
	for i, other := range w.sup.list.cursors {
		if other == w {
			w.sup.list.cursors = append(w.sup.list.cursors[:i], w.sup.list.cursors[i+1:]...)
			return
		}
	}
}
