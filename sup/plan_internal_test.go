package sup

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// kin is a list of siblings and what each needs, written "a b:a c:a,b".
type kin struct {
	order []string
	need  map[string][]string
}

func familyOf(text string) kin {
	f := kin{need: map[string][]string{}}
	for word := range strings.FieldsSeq(text) {
		id, needs, has := strings.Cut(word, ":")
		f.order = append(f.order, id)
		if has {
			f.need[id] = strings.Split(needs, ",")
		}
	}
	return f
}

func (f kin) first() string { return f.next("") }
func (f kin) next(c string) string {
	if i := slices.Index(f.order, c) + 1; i < len(f.order) {
		return f.order[i]
	}
	return ""
}
func (f kin) needs(c string) []string { return f.need[c] }
func (f kin) dependents(c string) (all []string) {
	for _, d := range f.order {
		if slices.Contains(f.need[d], c) {
			all = append(all, d)
		}
	}
	return all
}

// text writes a plan as a family is written.
func (p plan[C]) text() string {
	words := make([]string, len(p.members))
	name := func(i int) string { return any(p.members[i]).(string) }
	for i := range p.members {
		var waits []string
		for _, j := range p.waitsOf(i) {
			waits = append(waits, name(j))
		}
		words[i] = name(i)
		if waits != nil {
			words[i] += ":" + strings.Join(waits, ",")
		}
	}
	return strings.Join(words, " ")
}

func (p plan[C]) waitsOf(i int) []int {
	switch {
	case p.waits != nil:
		return p.waits[i]
	case i > 0:
		return []int{i - 1}
	}
	return nil
}

// T1–T3, D4, D5: the plan of a round says who is in it and who waits for whom.
func TestAPlanHasTheChildrenOfARoundAndWhoWaitsForWhom(t *testing.T) {
	for _, tt := range []struct {
		strategy     Strategy
		family, dies string
		want         string
	}{
		{OneForOne, "a b c", "b", "b"},
		{OneForAll, "a b c", "b", "a b:a c:b"},
		{OneForAll, "a", "a", "a"},
		{RestForOne, "a b c d", "b", "b c:b d:c"},
		{RestForOne, "a b c", "c", "c"},
		{OneForDependents, "a b c", "b", "b"},
		{OneForDependents, "a b:a c:b", "b", "b c:b"},
		{OneForDependents, "a b:a c:b", "a", "a b:a c:b"},
		{OneForDependents, "c:b b:a a", "a", "a b:a c:b"},
		{OneForDependents, "a b:a c:a d:b,c e", "a", "a b:a c:a d:b,c"},
		{OneForDependents, "a b:a c:a d:b,c e", "b", "b d:b"},
		{OneForDependents, "a b:a x c:x,b", "a", "a b:a c:b"},
		{OneForDependents, "d:a,b a b:a", "a", "a b:a d:a,b"},
	} {
		t.Run(tt.strategy.String()+" "+tt.family+" "+tt.dies, func(t *testing.T) {
			got := planRound(tt.strategy, tt.dies, siblings[string](familyOf(tt.family))).text()
			if got != tt.want {
				t.Errorf("the plan is %q, want %q", got, tt.want)
			}
		})
	}
}

// S1, D2: the plan of the start and the end has all children.
func TestThePlanOfTheStartHasAllChildren(t *testing.T) {
	for _, tt := range []struct {
		strategy     Strategy
		family, want string
	}{
		{OneForOne, "a b c", "a b:a c:b"},
		{RestForOne, "", ""},
		{OneForDependents, "a b c", "a b c"},
		{OneForDependents, "c:b b:a a x", "a b:a c:b x"},
	} {
		if got := planAll(tt.strategy, false, siblings[string](familyOf(tt.family))).text(); got != tt.want {
			t.Errorf("%v of %q: the plan is %q, want %q", tt.strategy, tt.family, got, tt.want)
		}
	}
}

// F2, D6: what is left of a plan from a child on is that child and what waits for it.
func TestTheRestOfAPlanIsAChildAndWhatWaitsForIt(t *testing.T) {
	for _, tt := range []struct {
		strategy           Strategy
		family, from, want string
	}{
		{RestForOne, "a b c d", "b", "b c:b d:c"},
		{OneForDependents, "a b:a c:a d:b,c e:c", "b", "b d:b"},
		{OneForDependents, "a b:a c:a d:b,c e:c", "c", "c d:c e:c"},
	} {
		p := planAll(tt.strategy, false, siblings[string](familyOf(tt.family)))
		if got := p.from(slices.Index(p.members, tt.from)).text(); got != tt.want {
			t.Errorf("%v of %q from %s: %q, want %q", tt.strategy, tt.family, tt.from, got, tt.want)
		}
	}
}

// D2, D5: execute gives no member its turn before those that it waits for have had
// theirs, forward and backward, and skips what comes after a step that failed.
func TestAPlanIsExecutedInTheOrderOfItsWaits(t *testing.T) {
	p := planAll(OneForDependents, false, siblings[string](familyOf("a b:a c:a d:b,c e f:e")))
	for _, backward := range []bool{false, true} {
		turns := make(chan int, len(p.members))
		p.execute(backward, func(i int) bool {
			turns <- i
			return true
		})
		close(turns)
		var order []int
		for i := range turns {
			order = append(order, i)
		}
		if len(order) != len(p.members) {
			t.Errorf("%d turns", len(order))
		}
		for i, waits := range p.waits {
			for _, j := range waits {
				if before := slices.Index(order, j) < slices.Index(order, i); before == backward {
					t.Errorf("backward %v: order %v", backward, order)
				}
			}
		}
	}
	turns := make(chan string, len(p.members))
	p.execute(false, func(i int) bool {
		turns <- p.members[i]
		return p.members[i] != "b"
	})
	close(turns)
	var had []string
	for id := range turns {
		had = append(had, id)
	}
	slices.Sort(had)
	if diff := cmp.Diff([]string{"a", "b", "c", "e", "f"}, had); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
}
