package gen

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// checkPolicy reports what package sup refuses in the policy of a child, or in the
// defaults of the tree if f is nil. A fault of the defaults is not repeated for the
// children that inherit it.
func (p *Package) checkPolicy(t *Tree, f *field, policy options) {
	own := maps.Clone(t.options)
	maps.Copy(own, t.defaults)
	if f != nil {
		own = f.options
	}
	if policy["backoff"].value == nil {
		for _, set := range own.inOrder() {
			if set.option.isPart() {
				p.fault(set.pos, "add backoff=", "%s has no effect without a backoff", set.option.name)
			}
		}
	}
	for _, r := range t.refusals(f, policy) {
		if set, ok := own.first(r.groups...); ok {
			pos := set.pos
			if len(r.groups) == 1 {
				pos = set.at
			}
			p.fault(pos, r.hint, "%s", r.message)
		}
	}
}

// checkUnlimited reports a child that is restarted without a limit and without a pause, so
// that one that always fails takes a processor. The option backoff=none says that it is
// meant.
func (p *Package) checkUnlimited(t *Tree, f *field) {
	_, own := f.options["backoff"]
	_, inherited := t.defaults["backoff"]
	if own || inherited && f.Kind != kindNested || optionValue[sup.Restart](f.policy, "restart policy") == sup.Temporary {
		return
	}
	place := t.options
	group := "intensity"
	switch budget, has := f.policy["budget"]; {
	case has && budget.value != sup.Unlimited:
		return // a child that always fails is quarantined
	case has:
		place, group = f.policy, "budget"
	case f.Kind == kindKeyed || f.Kind == kindReplicas:
		place = f.options
	}
	set, ok := place[group]
	if !ok || set.value != sup.Unlimited {
		return
	}
	pos := f.pos
	if own, is := f.options[group]; is {
		pos = own.at
	}
	p.fault(pos, "add backoff=100ms..30s, or backoff=none if it is meant", "%s is restarted without a limit and without a pause", f.Name)
}

// refusal is a fault that package sup finds in a spec, in the words of the tags.
type refusal struct {
	groups        []string // of options, one of which is at fault
	message, hint string
}

// refusals returns what package sup refuses in a policy.
func (t *Tree) refusals(f *field, policy options) []refusal {
	child := sup.ChildSpec[sup.Worker]{
		ID:    "child",
		Start: func(context.Context) (sup.Worker, error) { return nil, sup.ErrIgnore },
	}
	policy.fill(&child)
	spec := sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{child}}
	t.options.fill(&spec)
	err, refused := errors.AsType[*sup.SpecError](spec.Validate())
	if !refused {
		return nil
	}
	var all []refusal
	for _, fault := range err.Faults {
		switch fault.Field {
		case "Significant": // a fault for each condition; SortFaults removes duplicates
			if child.Restart == sup.Permanent {
				all = append(all, refusal{[]string{"significant"}, f.Name + " is significant, but permanent: it is always restarted", "make it transient or temporary"})
			}
			if spec.AutoShutdown == sup.AutoShutdownNever {
				all = append(all, refusal{[]string{"significant"}, f.Name + " is significant, but " + t.Name + " has no auto_shutdown",
					"give sup.Tree auto_shutdown=any_significant or all_significant"})
			}
		case "Backoff":
			all = append(all, refusal{[]string{"backoff", "budget", "factor", "jitter", "reset"},
				fmt.Sprintf("the waits of the backoff are so long that the budget, %v, can never be exceeded", child.Budget),
				"shorten the waits or lengthen the time of the budget"})
		default:
			problem, _, _ := strings.Cut(fault.Problem, ": ")
			if o := optionFor(fault.Field); o != nil {
				all = append(all, refusal{[]string{o.group}, o.name + ": " + problem, "write " + o.form})
			}
		}
	}
	return all
}
