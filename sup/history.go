package sup

import "time"

// historyLimit is the largest number of exits that an [IntensityError] carries.
const historyLimit = 100

// history keeps the last exits that were counted against the intensity of a
// supervisor: as many as an escalation takes. It is a ring that grows as it is
// needed.
type history struct {
	ring []counted
	next int // the oldest exit, once the ring is full
	size int // the length of a full ring; 0 if nothing is kept
}

// counted is one exit. Its times are since the beginning of the life.
type counted struct {
	child *child
	n     int
	at    time.Duration
	exit  Exit
}

// newHistory returns an empty history that can hold one exit more than the limit allows:
// that one ends the supervisor.
func newHistory(limit Intensity) history {
	if limit.unlimited() { // there is no escalation, and so no error to carry them
		return history{}
	}
	return history{size: min(limit.Restarts, historyLimit-1) + 1}
}

// add keeps an exit, in place of the oldest if the history is full.
func (h *history) add(c counted) {
	switch {
	case h.size == 0:
	case len(h.ring) < h.size:
		h.ring = append(h.ring, c)
	default:
		h.ring[h.next] = c
		h.next = (h.next + 1) % h.size
	}
}

// exits returns all exits, oldest first.
func (h *history) exits(born time.Time) []ChildExit {
	var all []ChildExit
	for i := range h.ring {
		c := h.ring[(h.next+i)%len(h.ring)]
		// Paths are made only here: most exits that are counted lead to no escalation.
		all = append(all, ChildExit{c.child.path(), c.n, born.Add(c.at), c.exit})
	}
	return all
}
