package flight_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/suptest"
)

var sameText = cmp.Comparer(func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })

// plant starts a tree of two levels and returns the worker "leaf" of the lower one.
func plant(t *testing.T, spec sup.Spec[sup.Worker]) (*sup.Supervisor[sup.Worker], *suptest.Worker) {
	t.Helper()
	leaf := new(suptest.Worker)
	inner := sup.Spec[*suptest.Worker]{Strategy: sup.OneForAll, Intensity: sup.Intensity{Restarts: 1, Within: time.Minute}, Children: []sup.ChildSpec[*suptest.Worker]{
		{ID: "leaf", Backoff: sup.Backoff{Min: time.Second}, Start: func(context.Context) (*suptest.Worker, error) { return leaf, nil }},
		{ID: "a/b", Start: func(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil }},
	}}
	spec.Name = "top"
	spec.Children = []sup.ChildSpec[sup.Worker]{
		{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		{ID: "panics", Restart: sup.Temporary, Start: func(context.Context) (sup.Worker, error) {
			return &suptest.Worker{OnRun: func(context.Context) error { panic("no") }}, nil
		}},
	}
	s := suptest.Start(t, spec)
	synctest.Wait()
	return s, leaf
}

func TestARecordReadsAsItWasWritten(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, leaf := plant(t, sup.Spec[sup.Worker]{})
		leaf.Return(errors.New("boom"))
		synctest.Wait()
		r, err := flight.Take(t.Context(), sup.Inspect(s), "")
		if err != nil {
			t.Fatal(err)
		}
		if !r.Complete || len(r.Events) != len(recorded(s)) {
			t.Errorf("complete %v, %d events; on record are %d", r.Complete, len(r.Events), len(recorded(s)))
		}
		var file bytes.Buffer
		n, err := r.WriteTo(&file)
		if err != nil || n != int64(file.Len()) {
			t.Fatalf("%d bytes of %d, %v", n, file.Len(), err)
		}
		read, err := flight.Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, read, sameText); diff != "" {
			t.Errorf("written (-) and read (+):\n%s", diff)
		}
		var stack bool
		for _, e := range read.Events {
			stack = stack || e.Kind == sup.ChildExited && strings.Contains(e.Stack, "flight_test.plant")
		}
		if !stack {
			t.Error("the stack of the panic is missing")
		}
	})
}

func TestEveryFieldOfAnEventIsWrittenAndRead(t *testing.T) {
	var e sup.Event
	v := reflect.ValueOf(&e).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Addr().Interface().(type) {
		case *sup.EventKind:
			*f = sup.ChildRestarting
		case *uint64:
			*f = 1
		case *int:
			*f = 1
		case *string:
			*f = "top/leaf"
		case *time.Time:
			*f = time.Now().UTC().Truncate(time.Second)
		case *time.Duration:
			*f = time.Second
		case *sup.Exit:
			*f = sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("boom")}
		case *bool:
			*f = true
		default:
			t.Fatalf("field %s has type %T: give it a value here", v.Type().Field(i).Name, f)
		}
	}
	r := &flight.Record{Taken: time.Now(), Tree: sup.SupervisorInfo{Name: "top", Path: "top"}, Events: []sup.Event{e}}
	var file bytes.Buffer
	if _, err := r.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	read, err := flight.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, read.Events[0], sameText); diff != "" {
		t.Errorf("written (-) and read (+):\n%s", diff)
	}
}

func TestARecordOfABranchHasWhatIsBelowIt(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, _ := plant(t, sup.Spec[sup.Worker]{})
		r, err := flight.Take(t.Context(), sup.Inspect(s), "top/inner")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Events {
			if !strings.HasPrefix(e.Path, "top/inner") {
				t.Errorf("an event of %s", e.Path)
			}
		}
		if r.Tree.Path != "top/inner" || len(r.Events) < 5 {
			t.Errorf("%d events of %s", len(r.Events), r.Tree.Path)
		}
	})
}

func TestARecordCanBeTakenAfterTheEndOfTheTree(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, leaf := plant(t, sup.Spec[sup.Worker]{Intensity: sup.Intensity{Restarts: 0, Within: 1}})
		for range 2 {
			leaf.Return(errors.New("boom"))
			time.Sleep(2 * time.Second)
		}
		<-s.Done()
		r, err := flight.Take(t.Context(), sup.Inspect(s), "")
		if err != nil {
			t.Fatal(err)
		}
		if last := r.Events[len(r.Events)-1]; last.Kind != sup.SupervisorStopped || last.Path != "top" {
			t.Errorf("the last event is %s", suptest.Line(last))
		}
	})
}

func TestARecordWithAGapIsNotComplete(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, leaf := plant(t, sup.Spec[sup.Worker]{Record: 4})
		leaf.Return(errors.New("boom"))
		synctest.Wait()
		r, err := flight.Take(t.Context(), sup.Inspect(s), "")
		if err != nil || r.Complete {
			t.Errorf("complete: %v, %v", r.Complete, err)
		}
	})
}

func TestARecordOfATreeWithoutEventsHasTheSnapshot(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, _ := plant(t, sup.Spec[sup.Worker]{Record: -1})
		r, err := flight.Take(t.Context(), sup.Inspect(s), "")
		if err != nil || len(r.Events) != 0 || len(r.Tree.Children) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestTakeReturnsTheCauseOfItsFailure(t *testing.T) {
	if _, err := flight.Take(t.Context(), nil, ""); err == nil || !strings.Contains(err.Error(), "nil Inspector, want") {
		t.Errorf("nil Inspector: %v", err)
	}
	suptest.Run(t, func(t *testing.T) {
		s, _ := plant(t, sup.Spec[sup.Worker]{})
		if _, err := flight.Take(t.Context(), sup.Inspect(s), "top/none"); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("unknown child: %v", err)
		}
		errLate := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errLate)
		defer cancel()
		if _, err := flight.Take(ctx, silent{sup.Inspect(s)}, ""); !errors.Is(err, errLate) {
			t.Errorf("inspector without events: %v", err)
		}
		if err := flight.Dump(t.Context(), broken{}, sup.Inspect(s), ""); !errors.Is(err, errBroken) {
			t.Errorf("failing writer: %v", err)
		}
	})
}

// silent is an inspector without events.
type silent struct{ sup.Inspector }

func (silent) Events(ctx context.Context, _ string, _ uint64) iter.Seq2[sup.Event, error] {
	return func(func(sup.Event, error) bool) { <-ctx.Done() }
}

var errBroken = errors.New("disk full")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

const (
	header = `{"flight":1,"taken":"2026-01-02T03:04:05Z","complete":true}` + "\n"
	tree   = `{"tree":{"name":"top","path":"top","strategy":"one_for_one"}}` + "\n"
	first  = `{"event":{"seq":1,"time":"2026-01-02T03:04:05Z","kind":"child ready","path":"top/a","id":"a","incarnation":1}}` + "\n"
)

func TestReadReportsEachInvalidLine(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     error
		text     []string
	}{
		{"nothing", "", flight.ErrCut, []string{"line 1: "}},
		{"another file", "PK\x03\x04", flight.ErrFormat, []string{`line 1: invalid flight record: want the header, {"flight":1,...}`}},
		{"another JSON", "[]\n" + tree, flight.ErrFormat, []string{"line 1: "}},
		{"a later version", `{"flight":2,"colour":"red"}` + "\n" + tree, flight.ErrVersion, []string{"line 1: unknown version of a flight record: 2, want 1"}},
		{"cut", header + tree + first, flight.ErrCut, []string{`line 4: incomplete flight record: no {"end":N}`}},
		{"an event is missing", header + tree + first + `{"end":2}`, flight.ErrCut, []string{"line 4: incomplete flight record: 1 events, and"}},
		{"more behind it", header + tree + first + `{"end":1}` + "\n" + first, flight.ErrFormat, []string{"line 5: invalid flight record: text after its end"}},
		{"no tree", header + first + `{"end":0}`, flight.ErrFormat, []string{`line 2: invalid flight record: want {"tree":...}: json: unknown field "event"`}},
		{"no enumeration", header + `{"tree":{"path":"top","strategy":"one_for_none"}}` + "\n" + `{"end":0}`, flight.ErrFormat, []string{`line 2: `, `"one_for_none" is not a sup.Strategy, want one_for_one, one_for_all, rest_for_one, one_for_dependents`}},
		{"all faults", header + tree + first + first + `{"event":{"seq":0}}` + "\n" + `{"event":null}` + "\n" + `{"event":{"seq":9,"kind":"child ready"}} {}` + "\n{\n", flight.ErrFormat,
			[]string{"line 4: invalid flight record: event 1 after event 1", "line 5: ", "line 6: ", "line 7: ", "line 8: ", "line 9: incomplete flight record"}},
		{"an event without", header + tree +
			`{"event":{"seq":1,"time":"2026-01-02T03:04:05Z","path":"top/a"}}` + "\n" +
			`{"event":{"seq":2,"time":"2026-01-02T03:04:05Z","kind":"child ready"}}` + "\n" +
			`{"event":{"seq":3,"kind":"child ready","path":"top/a"}}` + "\n" +
			`{"event":{"seq":4,"time":"2026-01-02T03:04:05Z","kind":"child ready","path":"top/a","delay":"-1s"}}` + "\n" + `{"end":4}`,
			flight.ErrFormat, []string{"line 3: invalid flight record: event 1 without a kind", "line 4: invalid flight record: event 2 without a path",
				"line 5: invalid flight record: event 3 without a time", "line 6: invalid flight record: event 4 with a negative incarnation or delay"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := flight.Read(strings.NewReader(test.in))
			if !errors.Is(err, test.want) {
				t.Fatalf("%v does not wrap %v", err, test.want)
			}
			line, ok := errors.AsType[*flight.LineError](err)
			if !ok || line.Line < 1 {
				t.Errorf("%v has no line", err)
			}
			for _, text := range test.text {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%v\nmisses %q", err, text)
				}
			}
		})
	}
	if _, err := flight.Read(strings.NewReader(header + tree + first + `{"end":1}` + "\n\n")); err != nil {
		t.Errorf("a valid record: %v", err)
	}
	if _, err := flight.Read(failing{}); !errors.Is(err, errBroken) {
		t.Errorf("failing reader: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

// good returns a valid record.
func good(t *testing.T) *flight.Record {
	t.Helper()
	r, err := flight.Read(strings.NewReader(header + tree + first + `{"end":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARecordThatReadWouldRefuseIsNotWritten(t *testing.T) {
	wrong := good(t)
	wrong.Tree.Path = ""
	for range 3 {
		wrong.Events = append(wrong.Events, wrong.Events[0])
	}
	wrong.Events[2].Seq, wrong.Events[2].Kind = 2, 0
	wrong.Events[3].Seq, wrong.Events[3].Delay = 3, -1
	many := good(t)
	many.Events = make([]sup.Event, 1000)
	for _, test := range []struct {
		record *flight.Record
		want   string
	}{
		{nil, "writing a flight record: nil record, want one of Take or Read"},
		{new(flight.Record), "writing a flight record: no path of the tree, want a record of Take or Read"},
		{wrong, "writing a flight record: no path of the tree, want a record of Take or Read\nevent 1 after event 1\n" +
			"event 2 without a kind\nevent 3 with a negative incarnation or delay"},
		{many, "writing a flight record: " + strings.TrimSuffix(strings.Repeat("event 0 after event 0\n", 10), "\n")},
	} {
		var file bytes.Buffer
		n, err := test.record.WriteTo(&file)
		if fmt.Sprint(err) != test.want || n != 0 || file.Len() != 0 {
			t.Errorf("%d bytes: %v; want %s", file.Len(), err, test.want)
		}
	}
}

func TestANilReaderAndANilWriterAreErrors(t *testing.T) {
	if _, err := flight.Read(nil); err == nil || !strings.Contains(err.Error(), "nil Reader") {
		t.Errorf("read: %v", err)
	}
	if _, err := good(t).WriteTo(nil); err == nil || !strings.Contains(err.Error(), "nil Writer") {
		t.Errorf("written: %v", err)
	}
}

func TestReadListsTenFaultsAtMost(t *testing.T) {
	_, err := flight.Read(strings.NewReader(header + tree + strings.Repeat("{}x\n", 1000)))
	if n := strings.Count(err.Error(), "line "); n != 10 {
		t.Errorf("%d faults", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(header + tree + first + `{"end":1}`))
	f.Add([]byte(header + tree + `{"event":{"seq":7,"time":"2026-01-02T03:04:05.5+01:00","kind":"child exited","path":"top/a","id":"a","exit":"abnormal","error":"no","delay":"1.5s","because":"top/b","stack":"x\ny"}}` + "\n" + `{"end":1}`))
	f.Add([]byte(header + `{"tree":{"path":"top","children":[{"id":"a","policy":{"stuck":"abandon"},"supervisor":{"path":"top/a","retired":[{"child":"*","starts":1}]}}]}}` + "\n" + `{"end":0}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := flight.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if _, err := r.WriteTo(&once); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := flight.Read(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, once.Bytes())
		}
		if _, err := again.WriteTo(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("%v, and not the same twice:\n%s\n%s", err, once.Bytes(), twice.Bytes())
		}
		if !slices.IsSortedFunc(again.Events, func(a, b sup.Event) int { return int(a.Seq) - int(b.Seq) }) {
			t.Error("the events are not in order")
		}
	})
}

// rude is an error whose methods panic.
type rude struct{}

func (rude) Error() string { panic("no text") }

func TestAnErrorWhoseMethodPanicsIsWritten(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, leaf := plant(t, sup.Spec[sup.Worker]{})
		leaf.Return(rude{})
		time.Sleep(time.Minute)
		var file bytes.Buffer
		if err := flight.Dump(t.Context(), &file, sup.Inspect(s), ""); err != nil {
			t.Fatal(err)
		}
		if _, err := flight.Read(bytes.NewReader(file.Bytes())); err != nil || !bytes.Contains(file.Bytes(), []byte("no text")) {
			t.Errorf("%v\n%s", err, file.Bytes())
		}
	})
}

func TestTheErrorOfTakeBeginsWithWhatFailed(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		s, _ := plant(t, sup.Spec[sup.Worker]{})
		_, cause := sup.Inspect(s).Snapshot(t.Context(), "top/none")
		_, err := flight.Take(t.Context(), sup.Inspect(s), "top/none")
		if want := "taking a snapshot: " + cause.Error(); fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
		if _, ok := errors.AsType[*sup.CallError](err); !ok || !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("%v does not wrap the cause", err)
		}
	})
}

// Users also print records to terminals.
func TestCharactersThatControlATerminalAreEscaped(t *testing.T) {
	const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\U000e0041"
	r := &flight.Record{
		Taken: time.Now(),
		Tree:  sup.SupervisorInfo{Name: hostile, Path: hostile, Children: []sup.ChildInfo{{ID: hostile, Stack: hostile}}},
		Events: []sup.Event{{
			Seq: 1, Time: time.Now(), Kind: sup.ChildExited, Path: hostile, ID: hostile, Because: hostile, Stack: hostile,
			Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New(hostile)},
		}},
	}
	var file bytes.Buffer
	if _, err := r.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	if i := strings.IndexFunc(file.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%q at byte %d of %q", file.String()[i:i+4], i, file.String())
	}
	back, err := flight.Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	e := back.Events[0]
	for of, text := range map[string]string{
		"name": back.Tree.Name, "child": back.Tree.Children[0].ID, "path": e.Path, "error": e.Exit.Err.Error(), "because": e.Because, "stack": e.Stack,
	} {
		if text != hostile {
			t.Errorf("%s is read as %q", of, text)
		}
	}
}

// recorded returns the events of a tree that are on record.
func recorded(s sup.AnySupervisor) (events []sup.Event) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range sup.Inspect(s).Events(ended, "", 0) {
		if err == nil {
			events = append(events, e)
		}
	}
	return events
}
