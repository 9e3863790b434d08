package wire

import (
	"encoding"
	"math"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

func (enc *Encoder) encodeExit(e sup.Exit) *pb.Exit {
	if e.Kind == sup.ExitNone && e.Err == nil {
		return nil
	}
	m := &pb.Exit{Kind: e.Kind.String()}
	if e.Err != nil {
		m.Error = enc.Error(e.Err)
	}
	return m
}

func decodeExit(m *pb.Exit) sup.Exit {
	if m == nil {
		return sup.Exit{}
	}
	return sup.Exit{Kind: parseEnum[sup.ExitKind](m.GetKind()), Err: DecodeError(m.GetError())}
}

func (enc *Encoder) encodeStack(stack string) string {
	if len(stack) > enc.Room {
		return ""
	}
	enc.Room -= len(stack)
	return ValidText(stack)
}

func encodePolicy(p sup.Policy) *pb.Policy {
	if p == (sup.Policy{}) {
		return nil
	}
	return &pb.Policy{
		Shutdown:     encodeDuration(p.Shutdown),
		StartTimeout: encodeDuration(p.StartTimeout),
		Backoff:      encodeBackoff(p.Backoff),
		Budget:       encodeIntensity(p.Budget),
		Watchdog:     encodeDuration(p.Watchdog),
		Stuck:        p.Stuck.String(),
	}
}

func decodePolicy(m *pb.Policy) sup.Policy {
	return sup.Policy{
		Shutdown:     m.GetShutdown().AsDuration(),
		StartTimeout: m.GetStartTimeout().AsDuration(),
		Backoff:      decodeBackoff(m.GetBackoff()),
		Budget:       decodeIntensity(m.GetBudget()),
		Watchdog:     m.GetWatchdog().AsDuration(),
		Stuck:        parseEnum[sup.WhenStuck](m.GetStuck()),
	}
}

func encodeBackoff(b sup.Backoff) *pb.Backoff {
	if b == (sup.Backoff{}) {
		return nil
	}
	return &pb.Backoff{
		Min:        encodeDuration(b.Min),
		Max:        encodeDuration(b.Max),
		Factor:     b.Factor,
		Jitter:     b.Jitter,
		ResetAfter: encodeDuration(b.ResetAfter),
	}
}

func decodeBackoff(m *pb.Backoff) sup.Backoff {
	return sup.Backoff{
		Min:        m.GetMin().AsDuration(),
		Max:        m.GetMax().AsDuration(),
		Factor:     m.GetFactor(),
		Jitter:     m.GetJitter(),
		ResetAfter: m.GetResetAfter().AsDuration(),
	}
}

func encodeIntensity(i sup.Intensity) *pb.Intensity {
	if i == (sup.Intensity{}) {
		return nil
	}
	return &pb.Intensity{Restarts: encodeInt(i.Restarts), Within: encodeDuration(i.Within)}
}

func decodeIntensity(m *pb.Intensity) sup.Intensity {
	return sup.Intensity{Restarts: int(m.GetRestarts()), Within: m.GetWithin().AsDuration()}
}

func encodeRetired(list []sup.Retired) []*pb.Retired {
	messages := make([]*pb.Retired, len(list))
	for i, p := range list {
		messages[i] = &pb.Retired{
			Supervisor: EncodePath(p.Supervisor),
			Counts:     &pb.Counts{Starts: int64(p.Starts), Restarts: int64(p.Restarts), Failures: int64(p.Failures)},
		}
		messages[i].Child, messages[i].RawChild = EncodeID(p.Child)
	}
	return messages
}

func decodeRetired(messages []*pb.Retired) []sup.Retired {
	if len(messages) == 0 {
		return nil
	}
	list := make([]sup.Retired, len(messages))
	for i, m := range messages {
		list[i] = sup.Retired{
			Supervisor: DecodePath(m.GetSupervisor()),
			Child:      DecodeID(m.GetChild(), m.GetRawChild()),
			Counts: sup.Counts{
				Starts:   int(m.GetCounts().GetStarts()),
				Restarts: int(m.GetCounts().GetRestarts()),
				Failures: int(m.GetCounts().GetFailures()),
			},
		}
	}
	return list
}

func encodeDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func encodeTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func decodeTime(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime().Local()
}

func encodeInt(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }

// unknownEnum is the value of an unknown word. It prints as a number.
const unknownEnum = math.MaxUint8

// parseEnum returns the value of a word.
func parseEnum[E ~uint8, P interface {
	*E
	encoding.TextUnmarshaler
}](word string) E {
	var e E
	if word == "" {
		return e
	}
	if err := P(&e).UnmarshalText([]byte(word)); err != nil {
		return unknownEnum
	}
	return e
}
