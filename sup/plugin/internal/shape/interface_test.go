package shape_test

import (
	"context"
	"iter"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/plugin/internal/shape"
)

type file struct {
	Name string
	Size int64
}

type store interface {
	Put(ctx context.Context, f file) error
}

type converter interface {
	Convert(ctx context.Context, f file) (string, error)
	Lines(ctx context.Context, f *file) iter.Seq2[string, error]
	Index(ctx context.Context, files iter.Seq2[file, error], s store) (int, error)
}

func marked(types ...reflect.Type) func(reflect.Type) bool {
	return func(t reflect.Type) bool {
		for _, m := range types {
			if t == m {
				return true
			}
		}
		return false
	}
}

func exchange[T any](t *testing.T, callbacks ...reflect.Type) shape.Exchange {
	t.Helper()
	i, faults := shape.OfInterface(reflect.TypeFor[T](), marked(callbacks...))
	if faults != nil {
		t.Fatalf("faults of %v: %v", reflect.TypeFor[T](), faults)
	}
	e := i.Exchange()
	if err := e.Valid(); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnInterfaceFitsItself(t *testing.T) {
	e := exchange[converter](t, reflect.TypeFor[store]())
	if faults := shape.Compare(e, e); faults != nil {
		t.Errorf("differences of an interface from itself: %v", faults)
	}
}

func TestAMethodThatCannotCrossIsAFault(t *testing.T) {
	for _, c := range []struct {
		of   reflect.Type
		want []string
	}{
		{reflect.TypeFor[interface{ M() error }](), []string{"M has no context.Context as its first parameter"}},
		{reflect.TypeFor[interface{ M(context.Context) string }](), []string{"M has no error as its last result, and is no stream (iter.Seq2[T, error])"}},
		{reflect.TypeFor[interface {
			M(context.Context, ...string) error
		}](), []string{"M is variadic: use a slice"}},
		{reflect.TypeFor[interface {
			M(context.Context, store) error
		}](), []string{"M: store is an interface (shape_test.store): use a concrete type"}},
		{reflect.TypeFor[interface {
			M(context.Context) (iter.Seq2[int, error], error)
		}](), []string{"M has a stream beside other results: a stream is the only result"}},
		{reflect.TypeFor[interface {
			A(context.Context, chan int) error
			B(context.Context) (func(), error)
		}](), []string{"A: chan int is a chan (chan int), which cannot be encoded", "B: func() is a func (func()), which cannot be encoded"}},
		{reflect.TypeFor[interface{ m() }](), []string{"m is not exported, so a plugin cannot implement it"}},
		{reflect.TypeFor[file](), []string{"shape_test.file is not an interface"}},
		{reflect.TypeFor[any](), []string{" has no methods"}},
	} {
		_, faults := shape.OfInterface(c.of, marked())
		var got []string
		for _, f := range faults {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("faults of %v (-want +got):\n%s", c.of, diff)
		}
	}
}

type (
	filePlus struct {
		Name string
		Size int64
		Mode uint32
	}
	fileOptional struct {
		Name string
		Size int64
		Mode uint32 `plugin:"optional"`
	}
	fileRenamed struct {
		Name   string
		Length int64
	}
	fileRetyped struct {
		Name string
		Size string
	}
)

func TestTwoVersionsOfAnInterfaceAreComparedByDirection(t *testing.T) {
	type (
		takes = interface {
			M(context.Context, file) error
		}
		takesPlus = interface {
			M(context.Context, filePlus) error
		}
		takesOptional = interface {
			M(context.Context, fileOptional) error
		}
		gives = interface {
			M(context.Context) (file, error)
		}
		givesPlus = interface {
			M(context.Context) (filePlus, error)
		}
		givesOptional = interface {
			M(context.Context) (fileOptional, error)
		}
		two = interface {
			M(context.Context, file) error
			N(context.Context) error
		}
	)
	for _, c := range []struct {
		name         string
		host, plugin shape.Exchange
		want         []string
	}{
		{"field added in the plugin's parameter", exchange[takes](t), exchange[takesPlus](t), nil},
		{"field added in the host's parameter", exchange[takesPlus](t), exchange[takes](t),
			[]string{`M: filePlus.Mode is missing in the plugin, so its value would be lost: add it there, or tag it plugin:"optional" here`}},
		{"optional field added in the host's parameter", exchange[takesOptional](t), exchange[takes](t), nil},
		{"field added in the host's result", exchange[givesPlus](t), exchange[gives](t), nil},
		{"field added in the plugin's result", exchange[gives](t), exchange[givesPlus](t),
			[]string{`M: file.Mode is missing here, so its value would be lost: add it here, or tag it plugin:"optional" in the plugin`}},
		{"optional field added in the plugin's result", exchange[gives](t), exchange[givesOptional](t), nil},
		{"field renamed", exchange[takes](t), exchange[interface {
			M(context.Context, fileRenamed) error
		}](t), []string{`M: file.Size is missing in the plugin, so its value would be lost: add it there, or tag it plugin:"optional" here`}},
		{"field retyped", exchange[takes](t), exchange[interface {
			M(context.Context, fileRetyped) error
		}](t), []string{"M: file.Size is int64 here and string in the plugin"}},
		{"method added in the plugin", exchange[takes](t), exchange[two](t), nil},
		{"method added in the host", exchange[two](t), exchange[takes](t), []string{"N is missing in the plugin"}},
		{"parameter added", exchange[takes](t), exchange[interface {
			M(context.Context, file, int) error
		}](t), []string{"M has 1 parameters here and 2 in the plugin"}},
		{"value made a stream", exchange[takes](t), exchange[interface {
			M(context.Context, iter.Seq2[file, error]) error
		}](t), []string{"M has a value as number 1 of its parameters here and a stream in the plugin"}},
	} {
		var got []string
		for _, f := range shape.Compare(c.host, c.plugin) {
			got = append(got, f.String())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: differences (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestCallbacksAreComparedTheOtherWay(t *testing.T) {
	type (
		old interface {
			Put(ctx context.Context, f file) error
		}
		oldHost = interface {
			M(context.Context, old) error
		}
		newPlugin = interface {
			M(context.Context, store) error
		}
	)
	host, plugin := exchange[oldHost](t, reflect.TypeFor[old]()), exchange[newPlugin](t, reflect.TypeFor[store]())
	if faults := shape.Compare(host, plugin); faults != nil {
		t.Errorf("differences: %v", faults)
	}
	type more interface {
		store
		Get(ctx context.Context, name string) (file, error)
	}
	plugin = exchange[interface {
		M(context.Context, more) error
	}](t, reflect.TypeFor[more]())
	faults := shape.Compare(host, plugin)
	if len(faults) != 1 || !strings.Contains(faults[0].String(), "M: old.Get is missing here") {
		t.Errorf("differences: %v; want that Get is missing here", faults)
	}
}

func TestAShapeWithWrongIndicesIsAnError(t *testing.T) {
	for _, e := range []shape.Exchange{
		{},
		{Interfaces: []shape.ExchangeInterface{{Methods: []shape.ExchangeMethod{{Params: []shape.ExchangeParam{{Of: 1}}}}}}},
		{Interfaces: []shape.ExchangeInterface{{Methods: []shape.ExchangeMethod{{Results: []shape.ExchangeParam{{Role: shape.RoleCallback, Of: -1}}}}}}},
		{Interfaces: make([]shape.ExchangeInterface, 1), Types: []shape.ExchangeType{{Kind: shape.KindSlice, Elem: 7}}},
		{Interfaces: make([]shape.ExchangeInterface, 1), Types: []shape.ExchangeType{{Kind: shape.KindStruct, Fields: []shape.ExchangeField{{Type: -1}}}}},
	} {
		if e.Valid() == nil {
			t.Errorf("%+v is valid; want an error", e)
		}
	}
}
