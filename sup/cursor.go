package sup

// A walk goes through the children of a supervisor in one direction. The lock
// is let go between two steps, and children may leave and come meanwhile; a
// walk never meets one twice.
type walk struct {
	sup   *core
	at    *child
	back  bool
	moved bool // at is the next one already
}

// walkLocked begins a walk at from, which is the first child that next
// returns. Who begins a walk must end it.
func (s *core) walkLocked(from *child, back bool) *walk {
	w := &walk{sup: s, at: from, back: back, moved: true}
	s.walks = append(s.walks, w)
	return w
}

// nextLocked returns the next child, or nil.
func (w *walk) nextLocked() *child {
	if !w.moved && w.at != nil {
		w.at = w.beyond(w.at)
	}
	w.moved = false
	return w.at
}

func (w *walk) beyond(c *child) *child {
	if w.back {
		return c.prev
	}
	return c.next
}

// leaveLocked is called before a child leaves the list.
func (w *walk) leaveLocked(c *child) {
	if w.at == c {
		w.at, w.moved = w.beyond(c), true
	}
}

func (w *walk) endLocked() {
	for i, other := range w.sup.walks {
		if other == w {
			w.sup.walks = append(w.sup.walks[:i], w.sup.walks[i+1:]...)
			return
		}
	}
}
