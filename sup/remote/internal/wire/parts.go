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

// What snapshots and events consist of.

func (w *Writer) exit(e sup.Exit) *pb.Exit {
	if e.Kind == sup.ExitNone && e.Err == nil {
		return nil
	}
	m := &pb.Exit{Kind: e.Kind.String()}
	if e.Err != nil {
		m.Error = w.Error(e.Err)
	}
	return m
}

func readExit(m *pb.Exit) sup.Exit {
	if m == nil {
		return sup.Exit{}
	}
	return sup.Exit{Kind: named[sup.ExitKind](m.GetKind()), Err: ReadError(m.GetError())}
}

func (w *Writer) stack(stack string) string {
	if len(stack) > w.Room {
		return ""
	}
	w.Room -= len(stack)
	return Text(stack)
}

func policy(p sup.Policy) *pb.Policy {
	if p == (sup.Policy{}) {
		return nil
	}
	return &pb.Policy{
		Shutdown:     duration(p.Shutdown),
		StartTimeout: duration(p.StartTimeout),
		Backoff:      backoff(p.Backoff),
		Budget:       intensity(p.Budget),
		Watchdog:     duration(p.Watchdog),
		Stuck:        p.Stuck.String(),
	}
}

func readPolicy(m *pb.Policy) sup.Policy {
	return sup.Policy{
		Shutdown:     m.GetShutdown().AsDuration(),
		StartTimeout: m.GetStartTimeout().AsDuration(),
		Backoff:      readBackoff(m.GetBackoff()),
		Budget:       readIntensity(m.GetBudget()),
		Watchdog:     m.GetWatchdog().AsDuration(),
		Stuck:        named[sup.WhenStuck](m.GetStuck()),
	}
}

func backoff(b sup.Backoff) *pb.Backoff {
	if b == (sup.Backoff{}) {
		return nil
	}
	return &pb.Backoff{
		Min:        duration(b.Min),
		Max:        duration(b.Max),
		Factor:     b.Factor,
		Jitter:     b.Jitter,
		ResetAfter: duration(b.ResetAfter),
	}
}

func readBackoff(m *pb.Backoff) sup.Backoff {
	return sup.Backoff{
		Min:        m.GetMin().AsDuration(),
		Max:        m.GetMax().AsDuration(),
		Factor:     m.GetFactor(),
		Jitter:     m.GetJitter(),
		ResetAfter: m.GetResetAfter().AsDuration(),
	}
}

func intensity(i sup.Intensity) *pb.Intensity {
	if i == (sup.Intensity{}) {
		return nil
	}
	return &pb.Intensity{Restarts: count(i.Restarts), Within: duration(i.Within)}
}

func readIntensity(m *pb.Intensity) sup.Intensity {
	return sup.Intensity{Restarts: int(m.GetRestarts()), Within: m.GetWithin().AsDuration()}
}

func pasts(list []sup.Retired) []*pb.Retired {
	messages := make([]*pb.Retired, len(list))
	for i, p := range list {
		messages[i] = &pb.Retired{
			Supervisor: Path(p.Supervisor),
			Counts:     &pb.Counts{Starts: int64(p.Starts), Restarts: int64(p.Restarts), Failures: int64(p.Failures)},
		}
		messages[i].Child, messages[i].RawChild = ID(p.Child)
	}
	return messages
}

func readPasts(messages []*pb.Retired) []sup.Retired {
	if len(messages) == 0 {
		return nil
	}
	list := make([]sup.Retired, len(messages))
	for i, m := range messages {
		list[i] = sup.Retired{
			Supervisor: ReadPath(m.GetSupervisor()),
			Child:      ReadID(m.GetChild(), m.GetRawChild()),
			Counts: sup.Counts{
				Starts:   int(m.GetCounts().GetStarts()),
				Restarts: int(m.GetCounts().GetRestarts()),
				Failures: int(m.GetCounts().GetFailures()),
			},
		}
	}
	return list
}

func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func readTime(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime().Local()
}

func count(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }

// unknown is the value of a word that this version does not know: one that
// prints as a number.
const unknown = math.MaxUint8

// named returns the value that a word stands for.
func named[E ~uint8, P interface {
	*E
	encoding.TextUnmarshaler
}](word string) E {
	var e E
	if word == "" {
		return e
	}
	if err := P(&e).UnmarshalText([]byte(word)); err != nil {
		return unknown
	}
	return e
}
