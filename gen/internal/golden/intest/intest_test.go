package intest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/sup"
)

// outer is a tree for tests.
type outer struct {
	sup.Tree
	Inner *Inner
	Many  sup.Replicas[*W]
}

func TestATreeOfATestRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := InnerFuncs(func(context.Context, *Inner) (*W, error) { return new(W), nil })
		many := func(context.Context, *outer, int) (*W, error) { return new(W), nil }
		var events int
		o := newOuter(outerFuncs(inner, many, 3), sup.ObserverFunc(func(sup.Event) { events++ }))
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := o.Inner.W.Get(); !ok || o.Many.Len() != 3 {
			t.Error("not all children are there")
		}
		if err := o.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if events == 0 {
			t.Error("the observer saw nothing")
		}
	})
}
