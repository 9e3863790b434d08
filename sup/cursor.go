package sup

import "slices"

// A cursor visits the children of a supervisor in one direction, and each at most
// once. The lock is released between two steps, and children may join or leave the
// list meanwhile: a child that leaves moves the cursors that stand on it.
type cursor struct {
	sup      *core
	at       *child
	backward bool
	atNext   bool // set if at has not been visited yet
}

// cursorLocked returns a cursor whose first child is from. The caller must end it
// with endLocked.
func (s *core) cursorLocked(from *child, backward bool) *cursor {
	k := &cursor{sup: s, at: from, backward: backward, atNext: true}
	s.list.cursors = append(s.list.cursors, k)
	return k
}

// nextLocked returns the next child, or nil.
func (k *cursor) nextLocked() *child {
	if !k.atNext && k.at != nil {
		k.at = k.beyond(k.at)
	}
	k.atNext = false
	return k.at
}

// beyond returns the neighbour of c in the direction of the cursor.
func (k *cursor) beyond(c *child) *child {
	if k.backward {
		return c.prev
	}
	return c.next
}

// leaveLocked is called before a child leaves the list, while its neighbours are
// still known.
func (k *cursor) leaveLocked(c *child) {
	if k.at == c {
		k.at, k.atNext = k.beyond(c), true
	}
}

// endLocked takes the cursor off the list of those that children move.
func (k *cursor) endLocked() {
	if i := slices.Index(k.sup.list.cursors, k); i >= 0 {
		k.sup.list.cursors = slices.Delete(k.sup.list.cursors, i, i+1)
	}
}
