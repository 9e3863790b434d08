// Package wire encodes the snapshots, events and errors of package sup as messages of
// the control protocol, and decodes them. Decoding accepts any input: it never panics,
// and keeps unknown values as far as possible.
package wire

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// An Encoder encodes messages. Room is the space for errors and stacks in bytes, which
// can be much larger than the rest of a message. Once it is used up, stacks are left
// out and errors are reduced to their texts.
type Encoder struct{ Room int }

// Supervisor encodes a supervisor and its descendants.
func (enc *Encoder) Supervisor(s sup.SupervisorInfo) *pb.Supervisor {
	return &pb.Supervisor{
		Name:         ValidText(s.Name),
		Path:         EncodePath(s.Path),
		Strategy:     s.Strategy.String(),
		Intensity:    encodeIntensity(s.Intensity),
		AutoShutdown: s.AutoShutdown.String(),
		Set:          s.Set.String(),
		Max:          encodeInt(s.Max),
		Running:      s.Running,
		Uptime:       durationpb.New(s.Uptime),
		Restarts:     encodeInt(s.Restarts),
		LastEvent:    s.LastEvent,
		Retired:      encodeRetired(s.Retired),
		Merged:       s.Merged,
		Children:     enc.Children(s.Children),
	}
}

// Children encodes a list of children.
func (enc *Encoder) Children(list []sup.ChildInfo) []*pb.Child {
	children := make([]*pb.Child, len(list))
	for i, c := range list {
		children[i] = enc.Child(c)
	}
	return children
}

// Child encodes a child.
func (enc *Encoder) Child(c sup.ChildInfo) *pb.Child {
	m := &pb.Child{
		Kind:        c.Kind.String(),
		Restart:     c.Restart.String(),
		Significant: c.Significant,
		Needs:       encodeNeeds(c.Needs),
		Added:       c.Added,
		State:       c.State.String(),
		Incarnation: encodeInt(c.Incarnation),
		Restarts:    encodeInt(c.Restarts),
		Failures:    encodeInt(c.Failures),
		BudgetUsed:  encodeInt(c.BudgetUsed),
		LastExit:    enc.encodeExit(c.LastExit),
		Since:       encodeTime(c.Since),
		Stack:       enc.encodeStack(c.Stack),
		Policy:      encodePolicy(c.Policy),
	}
	m.Id, m.RawId = EncodeID(c.ID)
	if c.Supervisor != nil {
		m.Supervisor = enc.Supervisor(*c.Supervisor)
	}
	return m
}

// encodeNeeds encodes the ids of the siblings that a child needs.
func encodeNeeds(ids []string) (needs [][]byte) {
	for _, id := range ids {
		needs = append(needs, []byte(id))
	}
	return needs
}

// decodeNeeds reverses encodeNeeds.
func decodeNeeds(needs [][]byte) (ids []string) {
	for _, id := range needs {
		ids = append(ids, string(id))
	}
	return ids
}

// Event encodes an event.
func (enc *Encoder) Event(e sup.Event) *pb.Event {
	m := &pb.Event{
		Kind:        e.Kind.String(),
		Seq:         e.Seq,
		Time:        encodeTime(e.Time),
		Path:        EncodePath(e.Path),
		Incarnation: encodeInt(e.Incarnation),
		Exit:        enc.encodeExit(e.Exit),
		Because:     EncodePath(e.Because),
		Stack:       enc.encodeStack(e.Stack),

		HostExhausted: e.HostExhausted,
	}
	m.Id, m.RawId = EncodeID(e.ID)
	if e.Delay != 0 {
		m.Delay = durationpb.New(e.Delay)
	}
	return m
}

// EncodeStatus encodes a status.
func EncodeStatus(s sup.SupervisorInfo) *pb.StatusResponse {
	return &pb.StatusResponse{
		Name:         ValidText(s.Name),
		Path:         EncodePath(s.Path),
		Strategy:     s.Strategy.String(),
		Intensity:    encodeIntensity(s.Intensity),
		AutoShutdown: s.AutoShutdown.String(),
		Running:      s.Running,
		Uptime:       durationpb.New(s.Uptime),
		Restarts:     encodeInt(s.Restarts),
		LastEvent:    s.LastEvent,
		Children:     encodeInt(total(s.States)),
		Seq:          s.Seq,
		Set:          s.Set.String(),
		Max:          encodeInt(s.Max),
		States:       encodeStates(s.States),
		Below:        encodeStates(s.Below),
	}
}

// total returns the sum of the counts of all states.
func total(states map[sup.State]int) (n int) {
	for _, count := range states {
		n += count
	}
	return n
}

func encodeStates(s map[sup.State]int) map[string]int32 {
	m := make(map[string]int32, len(s))
	for state, n := range s {
		m[state.String()] = encodeInt(n)
	}
	return m
}

// DecodeSupervisor decodes a supervisor and its descendants.
func DecodeSupervisor(m *pb.Supervisor) sup.SupervisorInfo {
	return sup.SupervisorInfo{
		Name:         m.GetName(),
		Path:         DecodePath(m.GetPath()),
		Strategy:     parseEnum[sup.Strategy](m.GetStrategy()),
		Intensity:    decodeIntensity(m.GetIntensity()),
		AutoShutdown: parseEnum[sup.AutoShutdown](m.GetAutoShutdown()),
		Set:          parseEnum[sup.SetKind](m.GetSet()),
		Max:          int(m.GetMax()),
		Running:      m.GetRunning(),
		Uptime:       m.GetUptime().AsDuration(),
		Restarts:     int(m.GetRestarts()),
		LastEvent:    m.GetLastEvent(),
		Retired:      decodeRetired(m.GetRetired()),
		Merged:       m.GetMerged(),
		Children:     DecodeChildren(m.GetChildren()),
	}
}

// DecodeChildren decodes a list of children.
func DecodeChildren(list []*pb.Child) []sup.ChildInfo {
	children := make([]sup.ChildInfo, len(list))
	for i, m := range list {
		children[i] = DecodeChild(m)
	}
	return children
}

// DecodeChild decodes a child.
func DecodeChild(m *pb.Child) sup.ChildInfo {
	c := sup.ChildInfo{
		ID:          DecodeID(m.GetId(), m.GetRawId()),
		Kind:        parseEnum[sup.Kind](m.GetKind()),
		Restart:     parseEnum[sup.Restart](m.GetRestart()),
		Significant: m.GetSignificant(),
		Needs:       decodeNeeds(m.GetNeeds()),
		Added:       m.GetAdded(),
		State:       parseEnum[sup.State](m.GetState()),
		Incarnation: int(m.GetIncarnation()),
		Restarts:    int(m.GetRestarts()),
		Failures:    int(m.GetFailures()),
		BudgetUsed:  int(m.GetBudgetUsed()),
		LastExit:    decodeExit(m.GetLastExit()),
		Since:       decodeTime(m.GetSince()),
		Stack:       m.GetStack(),
		Policy:      decodePolicy(m.GetPolicy()),
	}
	if m.GetSupervisor() != nil {
		s := DecodeSupervisor(m.GetSupervisor())
		c.Supervisor = &s
	}
	return c
}

// DecodeEvent decodes an event.
func DecodeEvent(m *pb.Event) sup.Event {
	return sup.Event{
		Kind:        parseEnum[sup.EventKind](m.GetKind()),
		Seq:         m.GetSeq(),
		Time:        decodeTime(m.GetTime()),
		Path:        DecodePath(m.GetPath()),
		ID:          DecodeID(m.GetId(), m.GetRawId()),
		Incarnation: int(m.GetIncarnation()),
		Exit:        decodeExit(m.GetExit()),
		Delay:       m.GetDelay().AsDuration(),
		Because:     DecodePath(m.GetBecause()),
		Stack:       m.GetStack(),

		HostExhausted: m.GetHostExhausted(),
	}
}

// DecodeStatus decodes a status.
func DecodeStatus(m *pb.StatusResponse) sup.SupervisorInfo {
	return sup.SupervisorInfo{
		Name:         m.GetName(),
		Path:         DecodePath(m.GetPath()),
		Strategy:     parseEnum[sup.Strategy](m.GetStrategy()),
		Intensity:    decodeIntensity(m.GetIntensity()),
		AutoShutdown: parseEnum[sup.AutoShutdown](m.GetAutoShutdown()),
		Running:      m.GetRunning(),
		Uptime:       m.GetUptime().AsDuration(),
		Restarts:     int(m.GetRestarts()),
		LastEvent:    m.GetLastEvent(),
		Seq:          m.GetSeq(),
		Set:          parseEnum[sup.SetKind](m.GetSet()),
		Max:          int(m.GetMax()),
		States:       decodeStates(m.GetStates()),
		Below:        decodeStates(m.GetBelow()),
	}
}

func decodeStates(m map[string]int32) map[sup.State]int {
	s := make(map[sup.State]int, len(m))
	for state, n := range m {
		s[parseEnum[sup.State](state)] += int(n)
	}
	return s
}
