package wire

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

const (
	maxText  = 4 << 10 // bytes of the text of one error
	maxDepth = 100     // of a chain of errors
	nodeSize = 64      // approximate bytes of an error besides its text
)

// Error encodes an error and the errors that it wraps.
func (enc *Encoder) Error(err error) *pb.Error { return enc.encodeError(err, 0) }

func (enc *Encoder) encodeError(err error, depth int) *pb.Error {
	if err == nil {
		return nil
	}
	m := &pb.Error{Text: textOf(err)}
	enc.Room -= nodeSize + len(m.Text)
	if name := sentinelName(err); name != "" {
		m.What = &pb.Error_Sentinel{Sentinel: name}
		return m
	}
	if v := reflect.ValueOf(err); enc.Room < 0 || depth == maxDepth || v.Kind() == reflect.Pointer && v.IsNil() {
		return m
	}
	below := func(err error) *pb.Error { return enc.encodeError(err, depth+1) }
	switch e := err.(type) {
	case *sup.CallError:
		m.What = &pb.Error_Call{Call: &pb.CallError{Op: ValidText(e.Op), Path: EncodePath(e.Path), Error: below(e.Err)}}
	case *sup.StartError:
		m.What = &pb.Error_Start{Start: &pb.StartError{Path: EncodePath(e.Path), Error: below(e.Err)}}
	case *sup.StartTimeoutError:
		m.What = &pb.Error_StartTimeout{StartTimeout: durationpb.New(e.After)}
		if e.Err != nil {
			m.Causes = []*pb.Error{below(e.Err)}
		}
	case *sup.IntensityError:
		m.What = &pb.Error_Intensity{Intensity: enc.encodeIntensityError(e, depth)}
	case *sup.StuckError:
		m.What = &pb.Error_Stuck{Stuck: enc.encodeStuckError(e, depth)}
	case *sup.PanicError:
		p := &pb.PanicError{Value: textOf(e.Value), Stack: enc.encodeStack(e.Stack)}
		if cause, ok := e.Value.(error); ok {
			p.Error = below(cause)
		}
		m.What = &pb.Error_Panic{Panic: p}
	case *sup.UnhealthyError:
		m.What = &pb.Error_Unhealthy{Unhealthy: &pb.UnhealthyError{Silent: durationpb.New(e.Silent), Limit: durationpb.New(e.Limit), Stack: enc.encodeStack(e.Stack)}}
	case *sup.StopError:
		m.What = &pb.Error_Stop{Stop: &pb.StopError{Reason: e.Reason.String(), Path: EncodePath(e.Path), Error: below(e.Err)}}
	case *sup.SpecError:
		m.What = &pb.Error_Spec{Spec: encodeSpecError(e)}
	case *sup.SkippedError:
		m.What = &pb.Error_Skipped{Skipped: &pb.SkippedError{After: e.After}}
	default:
		for _, cause := range causesOf(err) {
			if cause != nil {
				m.Causes = append(m.Causes, below(cause))
			}
		}
	}
	return m
}

func (enc *Encoder) encodeIntensityError(e *sup.IntensityError, depth int) *pb.IntensityError {
	m := &pb.IntensityError{Path: EncodePath(e.Path), Intensity: encodeIntensity(e.Intensity)}
	for _, exit := range e.Exits {
		enc.Room -= nodeSize + len(exit.Path)
		m.Exits = append(m.Exits, &pb.ChildExit{
			Path:        EncodePath(exit.Path),
			Incarnation: encodeInt(exit.Incarnation),
			Time:        encodeTime(exit.Time),
			Exit:        &pb.Exit{Kind: exit.Exit.Kind.String(), Error: enc.encodeError(exit.Exit.Err, depth+1)},
		})
	}
	for _, event := range e.Recent {
		enc.Room -= nodeSize + len(event.Path)
		outcome := event.Exit
		event.Exit = sup.Exit{} // encoded below, at this depth
		recent := enc.Event(event)
		if outcome.Kind != sup.ExitNone {
			recent.Exit = &pb.Exit{Kind: outcome.Kind.String(), Error: enc.encodeError(outcome.Err, depth+1)}
		}
		m.Recent = append(m.Recent, recent)
	}
	return m
}

func (enc *Encoder) encodeStuckError(e *sup.StuckError, depth int) *pb.StuckError {
	m := &pb.StuckError{Error: enc.encodeError(e.Err, depth+1), NotAsked: encodeInt(e.NotAsked)}
	for _, c := range e.Children {
		enc.Room -= nodeSize + len(c.Path)
		m.Children = append(m.Children, &pb.StuckChild{Path: EncodePath(c.Path), Incarnation: encodeInt(c.Incarnation), Stack: enc.encodeStack(c.Stack)})
	}
	return m
}

func encodeSpecError(e *sup.SpecError) *pb.SpecError {
	m := &pb.SpecError{Path: EncodePath(e.Path)}
	for _, f := range e.Faults {
		m.Faults = append(m.Faults, &pb.Fault{Path: EncodePath(f.Path), Field: ValidText(f.Field), Problem: ValidText(f.Problem)})
	}
	return m
}

// textOf returns the text of an error or of a panic value. Package sup has shielded
// both, so their methods do not panic.
func textOf(v any) string {
	text := fmt.Sprint(v)
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return ValidText(text)
}

// causesOf returns the errors that an error wraps.
func causesOf(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// DecodeError decodes an error. Types and sentinels of package sup are restored. Any
// other error has the original text and wraps the decoded causes.
func DecodeError(m *pb.Error) error { return decodeError(m, 0) }

func decodeError(m *pb.Error, depth int) error {
	if m == nil {
		return nil
	}
	if depth == maxDepth {
		return &remoteError{text: m.GetText()}
	}
	below := func(m *pb.Error) error { return decodeError(m, depth+1) }
	switch e := m.GetWhat().(type) {
	case *pb.Error_Sentinel:
		if err := sentinelByName(e.Sentinel); err != nil {
			return err
		}
	case *pb.Error_Call:
		return &sup.CallError{Op: e.Call.GetOp(), Path: DecodePath(e.Call.GetPath()), Err: orUnknown(below(e.Call.GetError()))}
	case *pb.Error_Start:
		return &sup.StartError{Path: DecodePath(e.Start.GetPath()), Err: orUnknown(below(e.Start.GetError()))}
	case *pb.Error_StartTimeout:
		timeout := &sup.StartTimeoutError{After: e.StartTimeout.AsDuration()}
		if causes := m.GetCauses(); len(causes) > 0 {
			timeout.Err = below(causes[0])
		}
		return timeout
	case *pb.Error_Intensity:
		return decodeIntensityError(e.Intensity, depth)
	case *pb.Error_Stuck:
		return decodeStuckError(e.Stuck, depth)
	case *pb.Error_Panic:
		p := &sup.PanicError{Value: e.Panic.GetValue(), Stack: e.Panic.GetStack()}
		if cause := below(e.Panic.GetError()); cause != nil {
			p.Value = cause
		}
		return p
	case *pb.Error_Unhealthy:
		return &sup.UnhealthyError{Silent: e.Unhealthy.GetSilent().AsDuration(), Limit: e.Unhealthy.GetLimit().AsDuration(), Stack: e.Unhealthy.GetStack()}
	case *pb.Error_Stop:
		return &sup.StopError{Reason: parseReason(e.Stop.GetReason()), Path: DecodePath(e.Stop.GetPath()), Err: below(e.Stop.GetError())}
	case *pb.Error_Spec:
		return decodeSpecError(e.Spec)
	case *pb.Error_Skipped:
		return &sup.SkippedError{After: e.Skipped.GetAfter()}
	}
	err := &remoteError{text: m.GetText()}
	for _, cause := range m.GetCauses() {
		if cause := below(cause); cause != nil {
			err.causes = append(err.causes, cause)
		}
	}
	return err
}

func decodeIntensityError(m *pb.IntensityError, depth int) error {
	e := &sup.IntensityError{Path: DecodePath(m.GetPath()), Intensity: decodeIntensity(m.GetIntensity())}
	exit := func(m *pb.Exit) sup.Exit {
		return sup.Exit{Kind: parseEnum[sup.ExitKind](m.GetKind()), Err: decodeError(m.GetError(), depth+1)}
	}
	for _, x := range m.GetExits() {
		e.Exits = append(e.Exits, sup.ChildExit{
			Path:        DecodePath(x.GetPath()),
			Incarnation: int(x.GetIncarnation()),
			Time:        decodeTime(x.GetTime()),
			Exit:        exit(x.GetExit()),
		})
	}
	for _, x := range m.GetRecent() {
		outcome := x.GetExit()
		x.Exit = nil // decoded below, at this depth
		event := DecodeEvent(x)
		event.Exit = exit(outcome)
		e.Recent = append(e.Recent, event)
	}
	return e
}

func decodeStuckError(m *pb.StuckError, depth int) error {
	e := &sup.StuckError{NotAsked: int(m.GetNotAsked()), Err: decodeError(m.GetError(), depth+1)}
	for _, c := range m.GetChildren() {
		e.Children = append(e.Children, sup.StuckChild{Path: DecodePath(c.GetPath()), Incarnation: int(c.GetIncarnation()), Stack: c.GetStack()})
	}
	return e
}

func decodeSpecError(m *pb.SpecError) error {
	e := &sup.SpecError{Path: DecodePath(m.GetPath())}
	for _, f := range m.GetFaults() {
		e.Faults = append(e.Faults, sup.Fault{Path: DecodePath(f.GetPath()), Field: f.GetField(), Problem: f.GetProblem()})
	}
	return e
}

func parseReason(word string) sup.StopReason {
	for r := sup.ReasonShutdown; r <= sup.ReasonReturn; r++ {
		if r.String() == word {
			return r
		}
	}
	return unknownEnum
}

// orUnknown replaces a missing error.
func orUnknown(err error) error {
	if err == nil {
		return &remoteError{text: "an unknown error"}
	}
	return err
}

// A remoteError is an error of another type in the other program.
type remoteError struct {
	text   string
	causes []error
}

func (e *remoteError) Error() string   { return e.text }
func (e *remoteError) Unwrap() []error { return e.causes }
