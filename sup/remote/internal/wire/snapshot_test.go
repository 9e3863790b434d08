package wire

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// fill sets all fields of a value to non-zero values, and pointers up to a depth.
func fill(v reflect.Value, depth int) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(1_700_000_000, 123_456_789)
		return
	case *error:
		*at = &sup.CallError{Op: "restart", Path: "a/b", Err: sup.ErrNotFound}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), depth)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		if depth == 0 && v.Type().Elem().Kind() != reflect.String { // texts have no depth
			v.SetLen(0)
		}
		for i := range v.Len() {
			fill(v.Index(i), depth-1)
		}
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, depth)
		fill(value, depth)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Uint64:
		v.SetUint(math.MaxUint64)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	default:
		panic("fill: unsupported type " + v.Type().String())
	}
}

// through marshals and unmarshals a message.
func through[M proto.Message](t *testing.T, m, to M) M {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// byText compares errors by their text.
var byText = cmp.Comparer(func(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error()
})

// A new field in package sup fails this test until it is encoded.
func TestSnapshotsAndEventsKeepAllFields(t *testing.T) {
	w := &Encoder{Room: 1 << 20}
	check := func(name string, want, got any) {
		if diff := cmp.Diff(want, got, byText); diff != "" {
			t.Errorf("%s (-sent +read):\n%s", name, diff)
		}
	}
	var s sup.SupervisorInfo
	fill(reflect.ValueOf(&s).Elem(), 3)
	asSnapshot(&s)
	check("SupervisorInfo", s, DecodeSupervisor(through(t, w.Supervisor(s), new(pb.Supervisor))))
	var e sup.Event
	fill(reflect.ValueOf(&e).Elem(), 1)
	check("Event", e, DecodeEvent(through(t, w.Event(e), new(pb.Event))))
	var status sup.SupervisorInfo
	fill(reflect.ValueOf(&status).Elem(), 1)
	status.Retired, status.Merged, status.Children = nil, false, nil
	check("Status", status, DecodeStatus(through(t, EncodeStatus(status), new(pb.StatusResponse))))

	check("an empty SupervisorInfo", sup.SupervisorInfo{Children: []sup.ChildInfo{}}, DecodeSupervisor(through(t, w.Supervisor(sup.SupervisorInfo{}), new(pb.Supervisor))))
	check("an empty ChildInfo", sup.ChildInfo{}, DecodeChild(through(t, w.Child(sup.ChildInfo{}), new(pb.Child))))
	for _, shutdown := range []time.Duration{sup.Infinity, sup.Brutal} {
		c := sup.ChildInfo{Policy: sup.Policy{Shutdown: shutdown}, Restarts: math.MaxInt32}
		check("a policy", c, DecodeChild(through(t, w.Child(c), new(pb.Child))))
	}
}

func TestIDsAndPathsKeepAllBytes(t *testing.T) {
	w := &Encoder{Room: 1 << 20}
	for _, id := range []string{"", "ACME", "a/b", "%", "%ff", "%FF", "\xff", "a\xffb\xfe", "\x00\x1b[2J", "é", "\xc3", "\uFFFD"} {
		if got := DecodeChild(through(t, w.Child(sup.ChildInfo{ID: id}), new(pb.Child))).ID; got != id {
			t.Errorf("id %q decoded as %q", id, got)
		}
	}
	for _, path := range []string{"", "a/b", "a/%25", "a/%2F", "a/%25ff", "a/\xff", "\xff\xfe/%2F", "a/\xc3", "é/\x80", "a/%2", "a/%", "a/%zz"} {
		e := DecodeEvent(through(t, w.Event(sup.Event{Path: path}), new(pb.Event)))
		if e.Path != path {
			t.Errorf("path %q decoded as %q", path, e.Path)
		}
	}
}

func TestAnUnknownWordPrintsAsANumber(t *testing.T) {
	c := DecodeChild(&pb.Child{State: "levitating", Kind: "\xff"})
	if got := c.State.String(); got != "sup.State(255)" {
		t.Errorf("state %q", got)
	}
	if got := parseReason("whim"); got.String() != "sup.StopReason(255)" {
		t.Errorf("reason %q", got)
	}
}

func TestErrorsBeyondTheRoomAreReducedToTheirTexts(t *testing.T) {
	big := &sup.PanicError{Value: errors.New("x"), Stack: string(make([]byte, 1000))}
	w := &Encoder{Room: 2480}
	var children []sup.ChildInfo
	for range 4 {
		children = append(children, sup.ChildInfo{LastExit: sup.Exit{Kind: sup.ExitAbnormal, Err: big}})
	}
	var stacks []int
	for _, c := range DecodeChildren(w.Children(children)) {
		p, ok := errors.AsType[*sup.PanicError](c.LastExit.Err)
		if got := c.LastExit.Err.Error(); got != big.Error() {
			t.Errorf("text %q", got)
		}
		if ok {
			stacks = append(stacks, len(p.Stack))
		}
	}
	// The third stack does not fit, and the fourth error is reduced to its text.
	if diff := cmp.Diff([]int{1000, 1000, 0}, stacks); diff != "" {
		t.Errorf("stacks (-want +got):\n%s", diff)
	}
}

// asSnapshot clears the fields that only a summary has.
func asSnapshot(s *sup.SupervisorInfo) {
	s.Seq, s.States, s.Below = 0, nil, nil
	for _, c := range s.Children {
		if c.Supervisor != nil {
			asSnapshot(c.Supervisor)
		}
	}
}
