package plugin_test

import (
	"context"
	"fmt"
	"io"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/plugin/internal/golden/converter"
)

// noon is a converter of this program.
type noon struct{ converter.Converter }

func (noon) Convert(_ context.Context, f converter.File) (string, error) {
	return f.Name + " at noon", nil
}

func startNoon(opts ...plugin.InProcessOption) {
	ctx := context.Background()
	source := plugin.InProcess(func(context.Context) (converter.Converter, error) { return noon{}, nil }, opts...)
	s, err := sup.Start(ctx, sup.Spec[*plugin.Client[converter.Converter]]{
		Children: []sup.ChildSpec[*plugin.Client[converter.Converter]]{{ID: "noon", Start: source.Start}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown(ctx)
	fmt.Println(converter.NewConverter(s.Child("noon")).Convert(ctx, converter.File{Name: "bell"}))
}

// The host of a plugin in its own process differs in the source alone.
func ExampleInProcess() {
	startNoon()
	// Output: bell at noon <nil>
}

func ExampleShared() {
	startNoon(plugin.Shared())
	// Output: bell at noon <nil>
}

func ExampleCheckShape() {
	fmt.Println(plugin.CheckShape[converter.Converter]())
	fmt.Println(plugin.CheckShape[io.Reader]())
	// Output:
	// <nil>
	// io.Reader: Reader has no generated code: mark it //sup:plugin and run supgen
}
