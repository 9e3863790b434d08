package sup_test

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// These functions are the model's intensities and budgets (I1 to I3, I7) and its
// backoff (B1).

// verdict is what follows from counting a restart.
type verdict uint8

const (
	restart verdict = iota
	quarantine
	giveUp
)

// charge counts the decision to restart c (I1 to I3, I7), unless the host lacked a
// resource (F4).
func (m *model) charge(c *node) verdict {
	if c.lack {
		return restart
	}
	if c.b.Budget != (sup.Intensity{}) {
		limit := bound(c.b.Budget)
		c.spent = append(c.spent, m.now)
		c.spent = slices.DeleteFunc(c.spent, func(at time.Duration) bool { return m.now-at > limit.Within })
		if limit.Restarts >= 0 && len(c.spent) > limit.Restarts {
			return quarantine
		}
		return restart
	}
	c.up.counts = append(c.up.counts, m.now)
	limit := bound(c.up.b.Intensity)
	if limit.Restarts >= 0 && c.up.within(m.now) > limit.Restarts {
		return giveUp
	}
	return restart
}

// nextDelay returns the wait before the next restart in a row (B1, F4).
func (c *node) nextDelay() time.Duration {
	switch delay := c.nextBackoff(); {
	case c.lack:
		return max(delay, time.Second)
	case c.missed >= 9:
		return max(delay, time.Millisecond)
	default:
		return delay
	}
}

func (c *node) nextBackoff() time.Duration {
	b := c.b.Backoff
	if b.Min == 0 {
		return 0
	}
	c.row++
	delay := b.Min
	for range c.row - 1 {
		delay = min(time.Duration(float64(delay)*factor(b)), maxWait(b))
	}
	return min(delay, maxWait(b))
}

func factor(b sup.Backoff) float64 {
	if b.Factor == 0 {
		return 2
	}
	return b.Factor
}

func maxWait(b sup.Backoff) time.Duration {
	if b.Max == 0 {
		return max(time.Minute, b.Min)
	}
	return b.Max
}

func resetAfter(b sup.Backoff) time.Duration {
	if b.ResetAfter == 0 {
		return maxWait(b)
	}
	return b.ResetAfter
}
