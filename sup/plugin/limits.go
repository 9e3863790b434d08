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

// limits are the limits of a [Spec].
type limits struct{ message, brokered int }

// brokerWindow is the time for which go-plugin's broker keeps a connection that is not
// used. Each occupies a goroutine.
const brokerWindow = 5 * time.Second

// rateLimit limits the number of events within brokerWindow.
type rateLimit struct {
	limit int

	mu    sync.Mutex
	times []time.Time // of the events within brokerWindow, oldest first
}

// add counts an event. It returns an error if there were too many; event names them.
func (r *rateLimit) add(event string) error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.times) > 0 && now.Sub(r.times[0]) >= brokerWindow {
		r.times = r.times[1:]
	}
	if len(r.times) >= r.limit {
		return fmt.Errorf("%w: more than %d %s within %v, see Spec.MaxBrokered", ErrLimit, r.limit, event, brokerWindow)
	}
	r.times = append(r.times, now)
	return nil
}

// brokerStream limits the connections that a plugin offers to the broker of gRPC, which
// starts a goroutine for each.
type brokerStream struct {
	grpc.ClientStream
	transport *transport
}

func (s *brokerStream) RecvMsg(m any) error {
	for {
		if err := s.ClientStream.RecvMsg(m); err != nil {
			return err
		}
		if err := s.transport.opened.add("connections offered"); err != nil {
			s.transport.onExceeded(err)
			return err
		}
		id, multiplexed := offeredID(m)
		if multiplexed {
			continue // the broker would keep it for ever, and no host here uses one
		}
		if err := s.transport.ids.add(id); err != nil {
			s.transport.onExceeded(err)
			return err
		}
		return nil
	}
}

// offeredID returns the id of a connection that a message offers, and whether the
// connection is multiplexed.
func offeredID(m any) (id uint32, multiplexed bool) {
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

// recentIDs are the ids of the connections that the broker may still hold. The broker
// relies on unique ids. A second connection with the same id would lock it for ever over
// net/rpc, and can cause a panic over gRPC.
type recentIDs struct {
	mu    sync.Mutex
	added map[uint32]time.Time
	prune int // the length of added at which old ids are removed
}

func (r *recentIDs) add(id uint32) error {
	const memory = 2 * brokerWindow
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.added == nil {
		r.added = make(map[uint32]time.Time)
	}
	if at, ok := r.added[id]; ok && now.Sub(at) < memory {
		return fmt.Errorf("%w: two broker connections with the id %d", ErrLimit, id)
	}
	if len(r.added) >= r.prune {
		maps.DeleteFunc(r.added, func(_ uint32, at time.Time) bool { return now.Sub(at) >= memory })
		r.prune = 2*len(r.added) + 100
	}
	r.added[id] = now
	return nil
}
