package letters_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen/internal/golden/letters"
)

type children struct{}

func (children) ȺéÉé() letters.WebChildren     { return web{} }
func (children) WebÉ() letters.WebChildren     { return web{} }
func (children) Tree_web() letters.WebChildren { return web{} }
func (children) Tree世界() letters.WebChildren   { return web{} }

func (children) New_子(context.Context, *letters.Outer) (*letters.W, error) {
	return new(letters.W), nil
}

type web struct{}

func (web) NewDB(context.Context, *letters.Web) (*letters.W, error) { return new(letters.W), nil }

func TestAnotherPackageCanMakeTheChildrenWhateverTheFieldsAreCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := letters.NewOuter(children{})
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range o.Snapshot().Children {
			ids = append(ids, c.ID)
		}
		if diff := cmp.Diff([]string{"ⱥé_éé", "web_é", "web", "世界", "子"}, ids); diff != "" {
			t.Errorf("children (-want +got):\n%s", diff)
		}
		if err := o.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
