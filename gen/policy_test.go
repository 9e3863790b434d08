package gen_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/espalier-go/espalier/gen"
	"github.com/espalier-go/espalier/sup"
)

func TestSupgenRefusesExactlyThePoliciesThatSupRefuses(t *testing.T) {
	verdicts := make(map[bool]int)
	rapid.Check(t, func(t *rapid.T) {
		tag, child, auto := drawPolicy(t)
		source := "package a\n\nimport \"github.com/espalier-go/espalier/sup\"\n\n" +
			"type T struct {\n\tsup.Tree `sup:\"auto_shutdown=" + auto.String() + "\"`\n\tA sup.Child[*W] `sup:\"" + strings.Join(tag, ",") + "\"`\n}\n"
		_, faults := gen.LoadFiles(map[string][]byte{"a.go": []byte(source)})
		err := sup.Spec[sup.Worker]{AutoShutdown: auto, Children: []sup.ChildSpec[sup.Worker]{child}}.Validate()
		if refused := err != nil; refused != (len(faults) > 0) {
			t.Fatalf("tag %q: supgen says %v, sup says %v", tag, faults, err)
		}
		verdicts[err != nil]++
	})
	enough := 10
	if testing.Short() { // rapid draws fewer cases
		enough = 1
	}
	if verdicts[true] < enough || verdicts[false] < enough {
		t.Errorf("one-sided cases: %v", verdicts)
	}
}

// In sup, a rule for budgets has a guard against the overflow of a nearly infinite reset.
func TestABudgetOutOfReachIsRefusedForANearlyInfiniteReset(t *testing.T) {
	const source = "package a\n\nimport \"github.com/espalier-go/espalier/sup\"\n\n" +
		"type T struct {\n\tsup.Tree\n\tA sup.Child[*W] `sup:\"backoff=1m..10m,reset=9223372036s,budget=5/1m\"`\n}\n"
	if _, faults := gen.LoadFiles(map[string][]byte{"a.go": []byte(source)}); len(faults) != 1 {
		t.Errorf("faults: %v, want one", faults)
	}
}

// drawPolicy draws a policy as the options of a tag and as a spec, and the
// AutoShutdown of its tree.
func drawPolicy(t *rapid.T) (tag []string, child sup.ChildSpec[sup.Worker], auto sup.AutoShutdown) {
	child.ID = "a"
	child.Start = func(context.Context) (sup.Worker, error) { return nil, sup.ErrIgnore }
	maybe := func(name string) bool { return rapid.Bool().Draw(t, name) }
	duration := func(name string) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, 1000 * time.Hour, 1 << 62 / 1000}).Draw(t, name+" unit")
		return unit * time.Duration(rapid.IntRange(1, 1000).Draw(t, name))
	}
	set := func(name string, value any) { tag = append(tag, fmt.Sprintf("%s=%v", name, value)) }

	auto = sup.AutoShutdown(rapid.IntRange(0, 2).Draw(t, "auto_shutdown"))
	child.Restart = sup.Restart(rapid.IntRange(0, 2).Draw(t, "restart"))
	tag = append(tag, child.Restart.String())
	if child.Significant = rapid.IntRange(0, 3).Draw(t, "significant") == 0; child.Significant {
		tag = append(tag, "significant")
	}
	child.Stuck = sup.WhenStuck(rapid.IntRange(0, 2).Draw(t, "stuck"))
	set("stuck", child.Stuck)
	if maybe("shutdown?") {
		child.Shutdown = duration("shutdown")
		set("shutdown", child.Shutdown)
	}
	if maybe("watchdog?") {
		child.Watchdog = duration("watchdog")
		set("watchdog", child.Watchdog)
	}
	if maybe("start_timeout?") {
		child.StartTimeout = duration("start_timeout")
		set("start_timeout", child.StartTimeout)
	}
	if maybe("backoff?") {
		b := &child.Backoff
		b.Min = duration("min")
		waits := b.Min.String()
		if maybe("max?") {
			b.Max = duration("max")
			waits += ".." + b.Max.String()
		}
		set("backoff", waits)
	}
	if rapid.IntRange(0, 3).Draw(t, "factor?") == 0 {
		child.Backoff.Factor = rapid.SampledFrom([]float64{0.5, 1, 1.5, 3, 1e300, -2}).Draw(t, "factor")
		set("factor", child.Backoff.Factor)
	}
	if rapid.IntRange(0, 3).Draw(t, "jitter?") == 0 {
		child.Backoff.Jitter = rapid.SampledFrom([]float64{0.1, 0.5, 1, 1.01, -0.1}).Draw(t, "jitter")
		set("jitter", child.Backoff.Jitter)
	}
	if rapid.IntRange(0, 3).Draw(t, "reset?") == 0 {
		child.Backoff.ResetAfter = duration("reset")
		set("reset", child.Backoff.ResetAfter)
	}
	if maybe("budget?") {
		child.Budget = sup.Intensity{Restarts: rapid.IntRange(0, 20).Draw(t, "restarts"), Within: duration("within")}
		if rapid.IntRange(0, 9).Draw(t, "unlimited") == 0 {
			child.Budget = sup.Unlimited
		}
		set("budget", child.Budget)
	}
	if child.Budget == sup.Unlimited && child.Backoff.Min == 0 {
		set("backoff", "none") // supgen asks whether that is meant; sup does not
	}
	return tag, child, auto
}
