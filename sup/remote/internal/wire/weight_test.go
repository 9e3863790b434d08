package wire

import (
	"bytes"
	"context"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

type idle struct{}

func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// An ordinary response takes a small multiple of its length, and is accepted.
func TestAnOrdinaryResponseIsAccepted(t *testing.T) {
	rooms := sup.NewKeyed(sup.KeyedSpec[int, idle]{Name: "rooms", Start: func(context.Context, int) (idle, error) { return idle{}, nil }})
	if err := rooms.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		if _, err := rooms.StartChild(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := sup.Inspect(rooms).Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := rooms.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	w := Encoder{Room: 1 << 20}
	b, err := proto.Marshal(&pb.SnapshotResponse{Supervisor: w.Supervisor(tree)})
	if err != nil {
		t.Fatal(err)
	}
	got := new(pb.SnapshotResponse)
	if err := Unmarshal(b, got, 16*len(b)); err != nil || len(got.GetSupervisor().GetChildren()) != 1000 {
		t.Errorf("%d children, %v", len(got.GetSupervisor().GetChildren()), err)
	}
	// The client allows sixteen times the length.
	if w := weight(b, got.ProtoReflect().Descriptor(), 1<<30, 0); w > 16*len(b) {
		t.Errorf("child of %d bytes weighs %d", len(b)/1000, w/1000)
	} else {
		t.Logf("child of %d bytes weighs %d", len(b)/1000, w/1000)
	}
}

func TestAResponseThatExpandsIsRejected(t *testing.T) {
	field := func(m proto.Message, name string) protowire.Number {
		for fields, i := m.ProtoReflect().Descriptor().Fields(), 0; i < fields.Len(); i++ {
			if string(fields.Get(i).Name()) == name {
				return fields.Get(i).Number()
			}
		}
		t.Fatalf("no field %s in %T", name, m)
		return 0
	}
	wrap := func(n protowire.Number, inner []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), inner)
	}
	const many = 100_000
	supervisor := func(inner []byte) []byte { return wrap(field(new(pb.SnapshotResponse), "supervisor"), inner) }
	for name, b := range map[string][]byte{
		"children": supervisor(bytes.Repeat(wrap(field(new(pb.Supervisor), "children"), nil), many)),
		"retired":  supervisor(bytes.Repeat(wrap(field(new(pb.Supervisor), "retired"), nil), many)),
		"errors": supervisor(wrap(field(new(pb.Supervisor), "children"), wrap(field(new(pb.Child), "last_exit"),
			wrap(field(new(pb.Exit), "error"), bytes.Repeat(wrap(field(new(pb.Error), "causes"), nil), many))))),
	} {
		if err := Unmarshal(b, new(pb.SnapshotResponse), 8<<20); err == nil {
			t.Errorf("%s: %d bytes with %d messages accepted", name, len(b), many)
		}
		if err := proto.Unmarshal(b, new(pb.SnapshotResponse)); err != nil {
			t.Errorf("%s: malformed: %v", name, err)
		}
	}
	for name, b := range map[string][]byte{"noise": []byte("\xff\xff\xff"), "half": supervisor([]byte("abc"))[:4], "group": {0x0b, 0x0b, 0x0b}} {
		if err := Unmarshal(b, new(pb.SnapshotResponse), 8<<20); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
