package plugin

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
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
		if !isKnock(m) {
			return nil
		}
	}
}

// isKnock reports whether a message is about a multiplexed connection. No host
// here has any, and the broker would remember each for ever.
func isKnock(m any) bool {
	message, ok := m.(proto.Message)
	if !ok {
		return false
	}
	r := message.ProtoReflect()
	field := r.Descriptor().Fields().ByName("knock")
	return field != nil && r.Has(field)
}
