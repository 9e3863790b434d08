package shape_test

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/plugin/internal/shape"
)

type (
	point  struct{ X, Y int }
	tagged struct {
		Renamed string `json:"r"`
		Left    string `json:"-"`
		Empty   []int  `json:",omitempty"`
	}
	Base     struct{ ID int }
	embedder struct {
		Base
		*Deep
		ID string // hides Base.ID for encodings that flatten
	}
	Deep struct{ Tags map[string]tagged }
	tree struct {
		Name     string
		Children []*tree
		Parent   *tree
		At       time.Time
	}
	ring       map[string]ring
	pair       [2]tagged
	named      []byte
	level      int8
	gen[T any] struct{ V T }
)

func TestAValueIsTheSameAfterItHasCrossed(t *testing.T) {
	zone := time.FixedZone("", 3*3600+1800)
	values := []any{
		true, int8(-8), int64(math.MinInt64), uint64(math.MaxUint64), int(-1), uint8(255), level(3),
		float32(1.5), math.Inf(-1), "text", "\xff\x00 not UTF-8", "",
		[]byte(nil), []byte{}, []byte{0, 1, 255}, named("x"), [4]byte{1, 2, 3, 4},
		[]int(nil), []int{}, []string{"", "a"}, [][]byte{nil, {}, {1}},
		map[string]int(nil), map[string]int{}, map[int]string{-1: "x"}, map[netip.Addr]bool{netip.MustParseAddr("::1"): true},
		(*point)(nil), &point{1, 2}, []*point{nil, {3, 4}}, point{5, 6}, struct{}{},
		time.Time{}, time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC), time.Date(1, 1, 1, 1, 1, 1, 1, zone),
		time.Duration(7), *big.NewInt(-12345), netip.MustParsePrefix("10.0.0.0/8"),
		tagged{"a", "b", []int{}}, tagged{"a", "b", nil}, []tagged{{Left: "x"}}, map[string]*tagged{"k": {Left: "y"}}, pair{{Left: "p"}, {}},
		embedder{Base{1}, nil, "two"}, embedder{Base{1}, &Deep{map[string]tagged{"k": {Left: "l"}}}, "two"},
		gen[gen[[]string]]{gen[[]string]{[]string{}}},
		tree{Name: "root", Children: []*tree{{Name: "leaf", At: time.Date(2026, 1, 1, 0, 0, 0, 1, zone)}, nil}},
		ring{"a": ring{}, "b": nil},
	}
	for _, value := range values {
		p := reflect.New(reflect.TypeOf(value))
		p.Elem().Set(reflect.ValueOf(value))
		var buf bytes.Buffer
		if err := shape.Append(&buf, 1000, p.Interface(), new(int)); err != nil {
			t.Errorf("encoding of %#v: %v", value, err)
			continue
		}
		got, after := reflect.New(p.Type().Elem()), 1
		rest, err := shape.Decode(buf.Bytes(), got.Interface(), &after)
		if err != nil || len(rest) > 0 || after != 0 {
			t.Errorf("decoding of %#v: %v, %d bytes left", value, err, len(rest))
			continue
		}
		same := cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 })
		address := cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })
		if diff := cmp.Diff(value, got.Elem().Interface(), same, address, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%#v after it has crossed (-before +after):\n%s", value, diff)
		}
		if at, ok := value.(time.Time); ok {
			_, before := at.Zone()
			if _, after := got.Elem().Interface().(time.Time).Zone(); before != after {
				t.Errorf("offset of %v after it has crossed: %d seconds; want %d", at, after, before)
			}
		}
	}
}

func TestAValueThatHasNoEndIsAnError(t *testing.T) {
	cyclic := &tree{Name: "a"}
	cyclic.Children = []*tree{{Parent: cyclic}}
	deep := &tree{}
	for range 20_000 {
		deep = &tree{Parent: deep}
	}
	round := ring{}
	round["self"] = round
	doubled := &tree{}
	for range 40 {
		doubled = &tree{Children: []*tree{doubled, doubled}}
	}
	for _, c := range []struct {
		name  string
		value any
		want  error
	}{
		{"cyclic pointers", cyclic, shape.ErrCyclic},
		{"nested deeply", deep, shape.ErrDeep},
		{"map in itself", &round, shape.ErrCyclic},
		{"shared 2^40 times", doubled, shape.ErrLarge},
	} {
		var buf bytes.Buffer
		if err := shape.Append(&buf, 1<<20, c.value); !errors.Is(err, c.want) {
			t.Errorf("%s: error %v; want %v", c.name, err, c.want)
		}
	}
}

type (
	unexported struct {
		Name string
		size int
	}
	half     struct{ v int }
	promoted struct {
		time.Time
		Name string
	}
	badTag struct {
		A int `plugin:"optinal"`
	}
	recursive struct {
		Next *recursive `json:"next"`
	}
)

func (half) MarshalBinary() ([]byte, error) { return nil, nil }

func TestATypeThatCannotCrossIsAFaultWithItsPath(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{struct{ R *bytes.Reader }{}, ".R has fields that are not exported (s, i, prevRune): export them, or give bytes.Reader MarshalBinary and UnmarshalBinary"},
		{unexported{size: 1}, "shape_test.unexported has fields that are not exported (size)"},
		{half{v: 1}, "shape_test.half has MarshalBinary but not UnmarshalBinary"},
		{promoted{}, "shape_test.promoted embeds time.Time, which would be encoded in place of the whole"},
		{struct{ V any }{}, ".V is an interface (interface {}): use a concrete type"},
		{struct{ E error }{}, ".E is an interface (error): use a concrete type"},
		{[]chan int{}, "[] is a chan (chan int), which cannot be encoded"},
		{func() {}, "is a func (func()), which cannot be encoded"},
		{uintptr(0), "is a uintptr (uintptr), which cannot be encoded"},
		{complex64(0), "is a complex64 (complex64), which cannot be encoded"},
		{map[float64]int{}, "is a map with keys of type float64: use strings, integers, or a type with MarshalText and UnmarshalText"},
		{map[point]int{}, "is a map with keys of type shape_test.point"},
		{new(*int), "is a pointer to a value that may be nil itself: use *int"},
		{new([]byte), "is a pointer to a value that may be nil itself: use []uint8"},
		{badTag{}, `badTag.A has the tag plugin:"optinal": the one value is "optional"`},
		{recursive{}, "is a recursive type with an embedded field, or with tags for json or cbor"},
	} {
		_, faults := shape.Of(reflect.TypeOf(c.value))
		if len(faults) == 0 || !strings.Contains(faults[0].String(), c.want) {
			t.Errorf("faults of %T: %q; want one with %q", c.value, faults, c.want)
		}
	}
}

func TestAllFaultsOfATypeAreReported(t *testing.T) {
	_, faults := shape.Of(reflect.TypeFor[struct {
		A chan int
		B func()
		C []any
	}]())
	if len(faults) != 3 {
		t.Errorf("faults: %q; want 3", faults)
	}
}

func FuzzDecodeReturns(f *testing.F) {
	var buf bytes.Buffer
	_ = shape.Append(&buf, 1000, &tree{Name: "a", Children: []*tree{{}}}, &embedder{Deep: &Deep{}})
	f.Add(buf.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		var a tree
		var b embedder
		if _, err := shape.Decode(data, &a, &b); err != nil {
			return
		}
		var again bytes.Buffer
		if err := shape.Append(&again, len(data)+10, &a, &b); err != nil {
			t.Errorf("decoded value cannot be encoded: %v", err)
		}
	})
}
