package sup

import "time"

// historyLimit is how many exits an [IntensityError] carries at most.
const historyLimit = 100

// history keeps the last exits that were counted, as many as lead to an
// escalation.
type history struct {
	ring []counted
	next int
	size int
}

type counted struct {
	child *child
	n     int
	at    time.Duration
	exit  Exit
}

func newHistory(limit Intensity) history {
	if limit.unlimited() {
		return history{}
	}
	return history{size: min(limit.Restarts, historyLimit-1) + 1}
}

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

// exits returns them all, oldest first.
func (h *history) exits(born time.Time) []ChildExit {
	var all []ChildExit
	for i := range h.ring {
		c := h.ring[(h.next+i)%len(h.ring)]
		all = append(all, ChildExit{c.child.path(), c.n, born.Add(c.at), c.exit})
	}
	return all
}
