package wire

import (
	"fmt"
	"reflect"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

const (
	maxText  = 4 << 10 // of one error
	maxDepth = 100     // of errors that wrap each other
	nodeSize = 64      // about what an error takes besides its text
)

// Error writes an error, and what it wraps.
func (w *Writer) Error(err error) *pb.Error { return w.error(err, 0) }

func (w *Writer) error(err error, depth int) *pb.Error {
	if err == nil {
		return nil
	}
	m := &pb.Error{Text: textOf(err)}
	w.Room -= nodeSize + len(m.Text)
	if name := nameOf(err); name != "" {
		m.What = &pb.Error_Sentinel{Sentinel: name}
		return m
	}
	if v := reflect.ValueOf(err); w.Room < 0 || depth == maxDepth || v.Kind() == reflect.Pointer && v.IsNil() {
		return m
	}
	below := func(err error) *pb.Error { return w.error(err, depth+1) }
	switch e := err.(type) {
	case *sup.CallError:
		m.What = &pb.Error_Call{Call: &pb.CallError{Op: Text(e.Op), Path: Path(e.Path), Error: below(e.Err)}}
	case *sup.StartError:
		m.What = &pb.Error_Start{Start: &pb.StartError{Path: Path(e.Path), Error: below(e.Err)}}
	case *sup.StartTimeoutError:
		m.What = &pb.Error_StartTimeout{StartTimeout: durationpb.New(e.After)}
		if e.Err != nil {
			m.Causes = []*pb.Error{below(e.Err)}
		}
	case *sup.IntensityError:
		m.What = &pb.Error_Intensity{Intensity: w.intensityError(e, depth)}
	case *sup.StuckError:
		m.What = &pb.Error_Stuck{Stuck: w.stuckError(e, depth)}
	case *sup.PanicError:
		p := &pb.PanicError{Value: textOf(e.Value), Stack: w.stack(e.Stack)}
		if cause, ok := e.Value.(error); ok {
			p.Error = below(cause)
		}
		m.What = &pb.Error_Panic{Panic: p}
	case *sup.UnhealthyError:
		m.What = &pb.Error_Unhealthy{Unhealthy: &pb.UnhealthyError{Silent: durationpb.New(e.Silent), Limit: durationpb.New(e.Limit), Stack: w.stack(e.Stack)}}
	case *sup.StopError:
		m.What = &pb.Error_Stop{Stop: &pb.StopError{Reason: e.Reason.String(), Path: Path(e.Path), Error: below(e.Err)}}
	case *sup.SpecError:
		m.What = &pb.Error_Spec{Spec: specError(e)}
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

func (w *Writer) intensityError(e *sup.IntensityError, depth int) *pb.IntensityError {
	m := &pb.IntensityError{Path: Path(e.Path), Intensity: intensity(e.Intensity)}
	for _, exit := range e.Exits {
		w.Room -= nodeSize + len(exit.Path)
		m.Exits = append(m.Exits, &pb.ChildExit{
			Path:        Path(exit.Path),
			Incarnation: count(exit.Incarnation),
			Time:        timestamp(exit.Time),
			Exit:        &pb.Exit{Kind: exit.Exit.Kind.String(), Error: w.error(exit.Exit.Err, depth+1)},
		})
	}
	for _, event := range e.Recent {
		w.Room -= nodeSize + len(event.Path)
		outcome := event.Exit
		event.Exit = sup.Exit{} // it counts towards the depth
		recent := w.Event(event)
		if outcome.Kind != sup.ExitNone {
			recent.Exit = &pb.Exit{Kind: outcome.Kind.String(), Error: w.error(outcome.Err, depth+1)}
		}
		m.Recent = append(m.Recent, recent)
	}
	return m
}

func (w *Writer) stuckError(e *sup.StuckError, depth int) *pb.StuckError {
	m := &pb.StuckError{Error: w.error(e.Err, depth+1), NotAsked: count(e.NotAsked)}
	for _, c := range e.Children {
		w.Room -= nodeSize + len(c.Path)
		m.Children = append(m.Children, &pb.StuckChild{Path: Path(c.Path), Incarnation: count(c.Incarnation), Stack: w.stack(c.Stack)})
	}
	return m
}

func specError(e *sup.SpecError) *pb.SpecError {
	m := &pb.SpecError{Path: Path(e.Path)}
	for _, f := range e.Faults {
		m.Faults = append(m.Faults, &pb.Fault{Path: Path(f.Path), Field: Text(f.Field), Problem: Text(f.Problem)})
	}
	return m
}

// textOf is the text of an error, or of what somebody panicked with. Its
// methods are not ours, so a panic in them is part of the text.
func textOf(v any) (text string) {
	if err, ok := v.(error); ok {
		defer func() {
			if p := recover(); p != nil {
				text = fmt.Sprintf("%T, whose Error method panics", v)
			}
		}()
		text = err.Error()
	} else {
		text = fmt.Sprint(v)
	}
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}
	return Text(text)
}

// causesOf returns what an error wraps.
func causesOf(err error) (causes []error) {
	defer func() {
		if recover() != nil {
			causes = nil
		}
	}()
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}

// ReadError reads an error: the types and sentinels of package sup are there
// again, and any other error is its text, and wraps what it did.
func ReadError(m *pb.Error) error { return readError(m, 0) }

func readError(m *pb.Error, depth int) error {
	if m == nil {
		return nil
	}
	if depth == maxDepth {
		return &foreign{text: m.GetText()}
	}
	below := func(m *pb.Error) error { return readError(m, depth+1) }
	switch e := m.GetWhat().(type) {
	case *pb.Error_Sentinel:
		if err := sentinel(e.Sentinel); err != nil {
			return err
		}
	case *pb.Error_Call:
		return &sup.CallError{Op: e.Call.GetOp(), Path: ReadPath(e.Call.GetPath()), Err: some(below(e.Call.GetError()))}
	case *pb.Error_Start:
		return &sup.StartError{Path: ReadPath(e.Start.GetPath()), Err: some(below(e.Start.GetError()))}
	case *pb.Error_StartTimeout:
		timeout := &sup.StartTimeoutError{After: e.StartTimeout.AsDuration()}
		if causes := m.GetCauses(); len(causes) > 0 {
			timeout.Err = below(causes[0])
		}
		return timeout
	case *pb.Error_Intensity:
		return readIntensityError(e.Intensity, depth)
	case *pb.Error_Stuck:
		return readStuckError(e.Stuck, depth)
	case *pb.Error_Panic:
		p := &sup.PanicError{Value: e.Panic.GetValue(), Stack: e.Panic.GetStack()}
		if cause := below(e.Panic.GetError()); cause != nil {
			p.Value = cause
		}
		return p
	case *pb.Error_Unhealthy:
		return &sup.UnhealthyError{Silent: e.Unhealthy.GetSilent().AsDuration(), Limit: e.Unhealthy.GetLimit().AsDuration(), Stack: e.Unhealthy.GetStack()}
	case *pb.Error_Stop:
		return &sup.StopError{Reason: readReason(e.Stop.GetReason()), Path: ReadPath(e.Stop.GetPath()), Err: below(e.Stop.GetError())}
	case *pb.Error_Spec:
		return readSpecError(e.Spec)
	case *pb.Error_Skipped:
		return &sup.SkippedError{After: e.Skipped.GetAfter()}
	}
	err := &foreign{text: m.GetText()}
	for _, cause := range m.GetCauses() {
		if cause := below(cause); cause != nil {
			err.causes = append(err.causes, cause)
		}
	}
	return err
}

func readIntensityError(m *pb.IntensityError, depth int) error {
	e := &sup.IntensityError{Path: ReadPath(m.GetPath()), Intensity: readIntensity(m.GetIntensity())}
	exit := func(m *pb.Exit) sup.Exit {
		return sup.Exit{Kind: named[sup.ExitKind](m.GetKind()), Err: readError(m.GetError(), depth+1)}
	}
	for _, x := range m.GetExits() {
		e.Exits = append(e.Exits, sup.ChildExit{
			Path:        ReadPath(x.GetPath()),
			Incarnation: int(x.GetIncarnation()),
			Time:        readTime(x.GetTime()),
			Exit:        exit(x.GetExit()),
		})
	}
	for _, x := range m.GetRecent() {
		outcome := x.GetExit()
		x.Exit = nil // it counts towards the depth
		event := ReadEvent(x)
		event.Exit = exit(outcome)
		e.Recent = append(e.Recent, event)
	}
	return e
}

func readStuckError(m *pb.StuckError, depth int) error {
	e := &sup.StuckError{NotAsked: int(m.GetNotAsked()), Err: readError(m.GetError(), depth+1)}
	for _, c := range m.GetChildren() {
		e.Children = append(e.Children, sup.StuckChild{Path: ReadPath(c.GetPath()), Incarnation: int(c.GetIncarnation()), Stack: c.GetStack()})
	}
	return e
}

func readSpecError(m *pb.SpecError) error {
	e := &sup.SpecError{Path: ReadPath(m.GetPath())}
	for _, f := range m.GetFaults() {
		e.Faults = append(e.Faults, sup.Fault{Path: ReadPath(f.GetPath()), Field: f.GetField(), Problem: f.GetProblem()})
	}
	return e
}

func readReason(word string) sup.StopReason {
	for r := sup.ReasonShutdown; r <= sup.ReasonReturn; r++ {
		if r.String() == word {
			return r
		}
	}
	return unknown
}

// some stands in for an error that has to be there and is not.
func some(err error) error {
	if err == nil {
		return &foreign{text: "an unknown error"}
	}
	return err
}

// A foreign error is one of the other program's own: its text, and what it
// wraps.
type foreign struct {
	text   string
	causes []error
}

func (e *foreign) Error() string   { return e.text }
func (e *foreign) Unwrap() []error { return e.causes }
