//go:build unix

package generated_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// startVersion starts a host of one version with the plugin of another.
func startVersion[T any](t *testing.T, spec func(proc.Command) plugin.Spec[T], kind string, use func(T) error) error {
	t.Helper()
	s := spec(command(t, kind))
	s.StartTimeout = time.Minute
	tree, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[T]]{
		Children: []sup.ChildSpec[*plugin.Client[T]]{{ID: "p", Start: plugin.NewSource(s).Start}},
	})
	if err != nil {
		return err
	}
	defer tree.Shutdown(context.Background())
	if use == nil {
		return nil
	}
	return plugin.Do(t.Context(), tree.Child("p"), func(_ context.Context, v T) error { return use(v) })
}

func TestHostAndPluginOfDifferentVersionsFitOrSayWhyNot(t *testing.T) {
	move := func(p plain) error {
		if got, err := p.Move(t.Context(), point{1, 2}); err != nil || got.X != 2 {
			return errors.Join(err, errors.New("another point"))
		}
		return nil
	}
	for _, c := range []struct {
		name  string
		start func() error
		want  string // "" if they fit
	}{
		{"same", func() error { return startVersion(t, plainPlugin, "plain", move) }, ""},
		{"field added to a parameter of the plugin", func() error { return startVersion(t, plainPlugin, "addedField", nil) }, ""},
		{"field added to a parameter of the host", func() error { return startVersion(t, addedFieldPlugin, "plain", nil) },
			`Move: pointPlus.Z is missing in the plugin, so its value would be lost: add it there, or tag it plugin:"optional" here`},
		{"field added to a result of the plugin", func() error { return startVersion(t, plainPlugin, "addedResultField", nil) },
			`Move: point.Z is missing here, so its value would be lost: add it here, or tag it plugin:"optional" in the plugin`},
		{"field added to a result of the host", func() error { return startVersion(t, addedResultFieldPlugin, "plain", nil) }, ""},
		{"optional field added to the host", func() error { return startVersion(t, addedOptionalPlugin, "plain", nil) }, ""},
		{"optional field added to the plugin", func() error { return startVersion(t, plainPlugin, "addedOptional", move) }, ""},
		{"field renamed", func() error { return startVersion(t, plainPlugin, "renamedField", nil) }, "Move: point.Y is missing in the plugin"},
		{"field retyped", func() error { return startVersion(t, plainPlugin, "retypedField", nil) }, "Move: point.Y is int here and string in the plugin"},
		{"method added to the plugin", func() error { return startVersion(t, plainPlugin, "addedMethod", move) }, ""},
		{"method added to the host", func() error { return startVersion(t, addedMethodPlugin, "plain", nil) }, "Turn is missing in the plugin"},
		{"method changed", func() error { return startVersion(t, plainPlugin, "changedMethod", nil) }, "Move has a value as number 1 of its parameters here and a stream in the plugin"},
	} {
		err := c.start()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, plugin.ErrInterface) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v; want ErrInterface with %q", c.name, err, c.want)
		}
	}
}
