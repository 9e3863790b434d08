package sup

import "slices"

// A plan says which children stop and start together, and which of them wait for
// which. The start of a supervisor, its end and every round carry one out. Making a plan
// is a pure decision: it uses no lock, clock or goroutine.
type plan[C comparable] struct {
	// members are in an order in which each comes after all that it waits for.
	members []C
	// waits has, for each member, the indexes of the members that must be ready before
	// it starts. They stop after it. In a chain, for which waits is nil, each member waits
	// for the one before it.
	waits [][]int
}

// siblings is what a plan is made from.
type siblings[C comparable] interface {
	first() C
	next(c C) C         // in the order of start; the zero C after the last
	needs(c C) []C      // the children that c needs, under OneForDependents
	dependents(c C) []C // the children that need c
}

// planRound returns the plan of the round that the failure of a child causes (T1–T3,
// D4). It looks at no child that is not part of the round, except under OneForAll,
// where all are.
func planRound[C comparable](strategy Strategy, failed C, all siblings[C]) plan[C] {
	switch strategy {
	case OneForAll:
		return chainFrom(all.first(), all)
	case RestForOne:
		return chainFrom(failed, all)
	case OneForDependents:
		return planNeeds([]C{failed}, all)
	}
	return plan[C]{members: []C{failed}}
}

// planAll returns the plan of the start and the end of a supervisor. The members of a
// set wait for nothing (S7).
func planAll[C comparable](strategy Strategy, set bool, all siblings[C]) plan[C] {
	chain := chainFrom(all.first(), all)
	switch {
	case set:
		return plan[C]{chain.members, make([][]int, len(chain.members))}
	case strategy == OneForDependents:
		return planNeeds(chain.members, all)
	}
	return chain
}

// chainFrom returns the chain of a child and all that come after it.
func chainFrom[C comparable](c C, all siblings[C]) (p plan[C]) {
	for none := *new(C); c != none; c = all.next(c) {
		p.members = append(p.members, c)
	}
	return p
}

// planNeeds returns the plan of some children and of all that need one of them, directly
// or not.
func planNeeds[C comparable](from []C, all siblings[C]) plan[C] {
	index := make(map[C]int, len(from))
	var members []C // each after all that need it, which is the order of stops
	var visit func(c C)
	visit = func(c C) {
		if _, seen := index[c]; seen {
			return
		}
		index[c] = 0
		for _, d := range slices.Backward(all.dependents(c)) {
			visit(d)
		}
		members = append(members, c)
	}
	for _, c := range slices.Backward(from) {
		visit(c)
	}
	slices.Reverse(members)
	for i, c := range members {
		index[c] = i
	}
	waits := make([][]int, len(members))
	for i, c := range members {
		for _, n := range all.needs(c) {
			if j, is := index[n]; is {
				waits[i] = append(waits[i], j)
			}
		}
	}
	return plan[C]{members, waits}
}

// followers returns, for each member, the members that wait for it.
func (p plan[C]) followers() [][]int {
	all := make([][]int, len(p.members))
	for i, waits := range p.waits {
		for _, j := range waits {
			all[j] = append(all[j], i)
		}
	}
	return all
}

// from returns the plan of a member and of all that wait for it, directly or not.
func (p plan[C]) from(i int) plan[C] {
	if p.waits == nil {
		return plan[C]{members: p.members[i:]}
	}
	// Members come after all that they wait for, so one pass finds all.
	index := map[int]int{i: 0}
	sub := plan[C]{members: []C{p.members[i]}, waits: [][]int{nil}}
	for j := i + 1; j < len(p.members); j++ {
		var waits []int
		for _, k := range p.waits[j] {
			if at, is := index[k]; is {
				waits = append(waits, at)
			}
		}
		if waits != nil {
			index[j] = len(sub.members)
			sub.members, sub.waits = append(sub.members, p.members[j]), append(sub.waits, waits)
		}
	}
	return sub
}
