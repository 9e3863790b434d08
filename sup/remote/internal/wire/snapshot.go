// Package wire turns what package sup shows into messages, and back. What it
// reads comes from the network: nothing in it can make it panic, and what it
// does not know it passes on as well as it can.
package wire

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// A Writer writes messages. Errors, with their stacks, can be much larger than
// all else; once those of a message have used up the Room, in bytes, the rest
// are written as their text alone.
type Writer struct{ Room int }

// Supervisor writes a supervisor and what is below it.
func (w *Writer) Supervisor(s sup.SupervisorInfo) *pb.Supervisor {
	return &pb.Supervisor{
		Name:         Text(s.Name),
		Path:         Path(s.Path),
		Strategy:     s.Strategy.String(),
		Intensity:    intensity(s.Intensity),
		AutoShutdown: s.AutoShutdown.String(),
		Set:          s.Set.String(),
		Max:          count(s.Max),
		Running:      s.Running,
		Uptime:       durationpb.New(s.Uptime),
		Restarts:     count(s.Restarts),
		LastEvent:    s.LastEvent,
		Retired:      pasts(s.Retired),
		Merged:       s.Merged,
		Children:     w.Children(s.Children),
	}
}

// Children writes a list of children.
func (w *Writer) Children(list []sup.ChildInfo) []*pb.Child {
	children := make([]*pb.Child, len(list))
	for i, c := range list {
		children[i] = w.Child(c)
	}
	return children
}

// Child writes a child.
func (w *Writer) Child(c sup.ChildInfo) *pb.Child {
	m := &pb.Child{
		Kind:        c.Kind.String(),
		Restart:     c.Restart.String(),
		Significant: c.Significant,
		Added:       c.Added,
		State:       c.State.String(),
		Incarnation: count(c.Incarnation),
		Restarts:    count(c.Restarts),
		Failures:    count(c.Failures),
		BudgetUsed:  count(c.BudgetUsed),
		LastExit:    w.exit(c.LastExit),
		Since:       timestamp(c.Since),
		Stack:       w.stack(c.Stack),
		Policy:      policy(c.Policy),
	}
	m.Id, m.RawId = ID(c.ID)
	if c.Supervisor != nil {
		m.Supervisor = w.Supervisor(*c.Supervisor)
	}
	return m
}

// Event writes an event.
func (w *Writer) Event(e sup.Event) *pb.Event {
	m := &pb.Event{
		Kind:        e.Kind.String(),
		Seq:         e.Seq,
		Time:        timestamp(e.Time),
		Path:        Path(e.Path),
		Incarnation: count(e.Incarnation),
		Exit:        w.exit(e.Exit),
		Because:     Path(e.Because),
		Stack:       w.stack(e.Stack),

		HostExhausted: e.HostExhausted,
	}
	m.Id, m.RawId = ID(e.ID)
	if e.Delay != 0 {
		m.Delay = durationpb.New(e.Delay)
	}
	return m
}

// Status writes a status.
func Status(s sup.Status) *pb.StatusResponse {
	return &pb.StatusResponse{
		Name:      Text(s.Name),
		Path:      Path(s.Path),
		Strategy:  s.Strategy.String(),
		Intensity: intensity(s.Intensity),
		Running:   s.Running,
		Uptime:    durationpb.New(s.Uptime),
		Restarts:  count(s.Restarts),
		Children:  count(s.Children),
		Seq:       s.Seq,
		Set:       s.Set.String(),
		Max:       count(s.Max),
		States:    states(s.States),
		Below:     states(s.Below),
	}
}

func states(s map[sup.State]int) map[string]int32 {
	m := make(map[string]int32, len(s))
	for state, n := range s {
		m[state.String()] = count(n)
	}
	return m
}

// ReadSupervisor reads a supervisor and what is below it.
func ReadSupervisor(m *pb.Supervisor) sup.SupervisorInfo {
	return sup.SupervisorInfo{
		Name:         m.GetName(),
		Path:         ReadPath(m.GetPath()),
		Strategy:     named[sup.Strategy](m.GetStrategy()),
		Intensity:    readIntensity(m.GetIntensity()),
		AutoShutdown: named[sup.AutoShutdown](m.GetAutoShutdown()),
		Set:          named[sup.SetKind](m.GetSet()),
		Max:          int(m.GetMax()),
		Running:      m.GetRunning(),
		Uptime:       m.GetUptime().AsDuration(),
		Restarts:     int(m.GetRestarts()),
		LastEvent:    m.GetLastEvent(),
		Retired:      readPasts(m.GetRetired()),
		Merged:       m.GetMerged(),
		Children:     ReadChildren(m.GetChildren()),
	}
}

// ReadChildren reads a list of children.
func ReadChildren(list []*pb.Child) []sup.ChildInfo {
	children := make([]sup.ChildInfo, len(list))
	for i, m := range list {
		children[i] = ReadChild(m)
	}
	return children
}

// ReadChild reads a child.
func ReadChild(m *pb.Child) sup.ChildInfo {
	c := sup.ChildInfo{
		ID:          ReadID(m.GetId(), m.GetRawId()),
		Kind:        named[sup.Kind](m.GetKind()),
		Restart:     named[sup.Restart](m.GetRestart()),
		Significant: m.GetSignificant(),
		Added:       m.GetAdded(),
		State:       named[sup.State](m.GetState()),
		Incarnation: int(m.GetIncarnation()),
		Restarts:    int(m.GetRestarts()),
		Failures:    int(m.GetFailures()),
		BudgetUsed:  int(m.GetBudgetUsed()),
		LastExit:    readExit(m.GetLastExit()),
		Since:       readTime(m.GetSince()),
		Stack:       m.GetStack(),
		Policy:      readPolicy(m.GetPolicy()),
	}
	if m.GetSupervisor() != nil {
		s := ReadSupervisor(m.GetSupervisor())
		c.Supervisor = &s
	}
	return c
}

// ReadEvent reads an event.
func ReadEvent(m *pb.Event) sup.Event {
	return sup.Event{
		Kind:        named[sup.EventKind](m.GetKind()),
		Seq:         m.GetSeq(),
		Time:        readTime(m.GetTime()),
		Path:        ReadPath(m.GetPath()),
		ID:          ReadID(m.GetId(), m.GetRawId()),
		Incarnation: int(m.GetIncarnation()),
		Exit:        readExit(m.GetExit()),
		Delay:       m.GetDelay().AsDuration(),
		Because:     ReadPath(m.GetBecause()),
		Stack:       m.GetStack(),

		HostExhausted: m.GetHostExhausted(),
	}
}

// ReadStatus reads a status.
func ReadStatus(m *pb.StatusResponse) sup.Status {
	return sup.Status{
		Name:      m.GetName(),
		Path:      ReadPath(m.GetPath()),
		Strategy:  named[sup.Strategy](m.GetStrategy()),
		Intensity: readIntensity(m.GetIntensity()),
		Running:   m.GetRunning(),
		Uptime:    m.GetUptime().AsDuration(),
		Restarts:  int(m.GetRestarts()),
		Children:  int(m.GetChildren()),
		Seq:       m.GetSeq(),
		Set:       named[sup.SetKind](m.GetSet()),
		Max:       int(m.GetMax()),
		States:    readStates(m.GetStates()),
		Below:     readStates(m.GetBelow()),
	}
}

func readStates(m map[string]int32) map[sup.State]int {
	s := make(map[sup.State]int, len(m))
	for state, n := range m {
		s[named[sup.State](state)] += int(n)
	}
	return s
}
