package sup

import (
	"slices"
	"strings"
)

// need is what the check of needs looks at in a child.
type need struct {
	id      string
	restart Restart
	needs   []string
}

// checkNeeds finds the faults of what children need (D1).
func (f *faults) checkNeeds(strategy Strategy, children []need) {
	byID := make(map[string]need, len(children))
	for _, c := range children {
		byID[c.id] = c
	}
	for _, c := range children {
		f.at(c.id, func(f *faults) { f.checkNeedsOf(c, strategy, byID) })
	}
	if strategy != OneForDependents {
		return
	}
	// Each cycle is told once, by the first of its children.
	told := make(map[string]bool)
	for _, c := range children {
		cycle := cycleFrom(c.id, byID)
		if cycle == nil || slices.ContainsFunc(cycle, func(id string) bool { return told[id] }) {
			continue
		}
		for _, id := range cycle {
			told[id] = true
		}
		f.at(c.id, func(f *faults) {
			f.add("Needs", "make a cycle, %s: leave one of them out", strings.Join(append(cycle, c.id), " needs "))
		})
	}
}

func (f *faults) checkNeedsOf(c need, strategy Strategy, byID map[string]need) {
	if len(c.needs) > 0 && strategy != OneForDependents {
		f.add("Needs", "have no effect under %v: set Strategy to OneForDependents, or leave Needs out", strategy)
		return
	}
	for i, id := range c.needs {
		switch n, known := byID[id]; {
		case id == c.id:
			f.add("Needs", "%q is the child itself: leave it out", id)
		case !known:
			f.add("Needs", "%q is the ID of no sibling: use the ID of one", id)
		case slices.Contains(c.needs[:i], id):
			f.add("Needs", "%q is there twice: leave one out", id)
		case n.restart == Temporary:
			f.add("Needs", "%q is temporary, and nothing brings it back: make it Permanent or Transient", id)
		}
	}
}

// cycleFrom returns the ids on a shortest way from a child back to itself, or nil. A child
// that needs itself is no cycle: it has a fault of its own.
func cycleFrom(from string, byID map[string]need) []string {
	before := map[string]string{}
	for line := []string{from}; len(line) > 0; line = line[1:] {
		for _, id := range byID[line[0]].needs {
			if id == line[0] {
				continue
			}
			if id == from {
				cycle := []string{line[0]}
				for at := line[0]; at != from; {
					at = before[at]
					cycle = append(cycle, at)
				}
				slices.Reverse(cycle)
				return cycle
			}
			if _, seen := before[id]; !seen {
				before[id] = line[0]
				line = append(line, id)
			}
		}
	}
	return nil
}
