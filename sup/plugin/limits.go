package plugin

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Defaults of the limits of a [Spec].
const (
	// DefaultMaxMessage is the default of [Spec].MaxMessage, in bytes.
	DefaultMaxMessage = 64 << 20
	// DefaultMaxBrokered is the default of [Spec].MaxBrokered.
	DefaultMaxBrokered = 1000
)

// limits bound what a plugin may cost its host.
type limits struct{ message, brokered int }

// brokerTime is how long go-plugin's broker keeps a connection that nobody has
// asked for, each with a goroutine.
const brokerTime = 5 * time.Second

// meter counts what happens within brokerTime.
type meter struct {
	most int

	mu   sync.Mutex
	past []time.Time // oldest first
}

// count counts one more, and returns an error if that is one too many.
func (m *meter) count(what string) error {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.past) > 0 && now.Sub(m.past[0]) >= brokerTime {
		m.past = m.past[1:]
	}
	if len(m.past) >= m.most {
		return fmt.Errorf("%w: more than %d %s within %v, see Spec.MaxBrokered", ErrLimit, m.most, what, brokerTime)
	}
	m.past = append(m.past, now)
	return nil
}

// brokerStream is the stream by which a plugin offers connections to the broker
// of gRPC, which starts a goroutine for each.
type brokerStream struct {
	grpc.ClientStream
	wire *wire
}

func (s *brokerStream) RecvMsg(m any) error {
	for {
		if err := s.ClientStream.RecvMsg(m); err != nil {
			return err
		}
		if err := s.wire.meter.count("connections offered"); err != nil {
			s.wire.exceed(err)
			return err
		}
		id, knock := offered(m)
		if knock {
			continue
		}
		if err := s.wire.ids.add(id); err != nil {
			s.wire.exceed(err)
			return err
		}
		return nil
	}
}

// offered returns the id of a connection that is offered, and whether that is a
// multiplexed one. No host here has any, and the broker would remember each for
// ever.
func offered(m any) (id uint32, multiplexed bool) {
	message, ok := m.(proto.Message)
	if !ok {
		return 0, false
	}
	r := message.ProtoReflect()
	fields := r.Descriptor().Fields()
	if knock := fields.ByName("knock"); knock != nil && r.Has(knock) {
		return 0, true
	}
	if field := fields.ByName("service_id"); field != nil && field.Kind() == protoreflect.Uint32Kind {
		id = uint32(r.Get(field).Uint())
	}
	return id, false
}

// recentIDs are the ids of connections that the broker may still know. It takes
// each for unique, as its own are: two of one id keep a lock of it for ever, over
// net/rpc, and over gRPC they can be a panic of what connects to them.
type recentIDs struct {
	mu    sync.Mutex
	added map[uint32]time.Time
	prune int // the number from which on old ones are removed
}

func (r *recentIDs) add(id uint32) error {
	const known = 2 * brokerTime
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added == nil {
		r.added = make(map[uint32]time.Time)
	}
	if at, ok := r.added[id]; ok && now.Sub(at) < known {
		return fmt.Errorf("%w: two connections of the broker with the id %d", ErrLimit, id)
	}
	if len(r.added) >= r.prune {
		maps.DeleteFunc(r.added, func(_ uint32, at time.Time) bool { return now.Sub(at) >= known })
		r.prune = 2*len(r.added) + 100
	}
	r.added[id] = now
	return nil
}
