package sup

import "slices"

// absorbsLocked reports that the failure of c is part of the round that is
// going on (I5).
func (s *core) absorbsLocked(c *child) bool {
	return s.absorbing && s.roundFrom <= c.seq && c.seq <= s.roundTo && !slices.Contains(s.apart, c)
}
