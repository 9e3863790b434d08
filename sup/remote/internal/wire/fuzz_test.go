package wire

import (
	"errors"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// No message of a server makes a client panic, and decoded values can be used and
// encoded again.
func FuzzRead(f *testing.F) {
	w := &Encoder{Room: 1 << 20}
	for _, m := range []proto.Message{
		w.Error(&sup.CallError{Op: "restart", Path: "a/%25", Err: &sup.PanicError{Value: 1, Stack: "s"}}),
		w.Error(&sup.IntensityError{Exits: []sup.ChildExit{{Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: sup.ErrStuck}}}, Recent: []sup.Event{{Seq: 1}}}),
		w.Event(sup.Event{Kind: sup.ChildExited, Path: "a/\xff", Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("x")}}),
		w.Supervisor(sup.SupervisorInfo{Name: "a", Children: []sup.ChildInfo{{ID: "\xff", Supervisor: &sup.SupervisorInfo{}}}}),
		EncodeStatus(sup.SupervisorInfo{Name: "a", States: map[sup.State]int{sup.StateRunning: 1}}),
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := &Encoder{Room: 64 << 10}
		if m := new(pb.Error); proto.Unmarshal(b, m) == nil {
			use(t, DecodeError(m), w)
		}
		if m := new(pb.Event); proto.Unmarshal(b, m) == nil {
			e := DecodeEvent(m)
			use(t, e.Exit.Err, w)
			marshal(t, w.Event(e))
		}
		if m := new(pb.Supervisor); proto.Unmarshal(b, m) == nil {
			s := DecodeSupervisor(m)
			_ = s.String()
			marshal(t, w.Supervisor(s))
		}
		if m := new(pb.StatusResponse); proto.Unmarshal(b, m) == nil {
			marshal(t, EncodeStatus(DecodeStatus(m)))
		}
		_ = DecodeConnectError(connect.NewError(connect.CodeUnknown, "").WithDetail(&connect.ErrorDetail{Type: detailType, Value: b}))
	})
}

func use(t *testing.T, err error, w *Encoder) {
	if err == nil {
		return
	}
	_ = err.Error()
	_ = errors.Is(err, sup.ErrNotFound)
	_, _ = errors.AsType[*sup.StuckError](err)
	marshal(t, w.Error(err))
}

// marshal fails the test if a message cannot be marshaled.
func marshal(t *testing.T, m proto.Message) {
	t.Helper()
	if _, err := proto.Marshal(m); err != nil {
		t.Errorf("%v", err)
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"", "a/b", "a/%25", "a/%2F", "\xff", "a/%FF", "%", "%8", "%80%"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		_ = DecodePath(path)
		_, raw := EncodeID(path)
		if text, _ := EncodeID(path); DecodeID(text, raw) != path {
			t.Errorf("id %q decoded as %q", path, DecodeID(text, raw))
		}
	})
}
