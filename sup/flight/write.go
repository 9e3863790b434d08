package flight

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// The lines of the format. Unknown fields are faults.
type (
	headerLine struct {
		Flight   int       `json:"flight"`
		Taken    time.Time `json:"taken"`
		Complete bool      `json:"complete"`
	}
	treeLine struct {
		Tree *sup.SupervisorInfo `json:"tree"`
	}
	eventLine struct {
		Event *event `json:"event"`
	}
	endLine struct {
		End *int `json:"end"`
	}
)

// event is the form of a [sup.Event] in a line.
type event struct {
	Seq         uint64        `json:"seq"`
	Time        time.Time     `json:"time"`
	Kind        sup.EventKind `json:"kind"`
	Path        string        `json:"path"`
	ID          string        `json:"id,omitempty"`
	Incarnation int           `json:"incarnation,omitempty"`
	Exit        sup.ExitKind  `json:"exit,omitzero"`
	Error       string        `json:"error,omitempty"`
	Delay       duration      `json:"delay,omitzero"`
	Because     string        `json:"because,omitempty"`
	Stack       string        `json:"stack,omitempty"`

	HostExhausted bool `json:"hostExhausted,omitempty"`
}

// duration is written as text, such as "1.5s".
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// eventOf returns the written form of an event.
func eventOf(e sup.Event) *event {
	text := ""
	if e.Exit.Err != nil {
		text = fmt.Sprint(e.Exit.Err) // Sprint survives an Error method that panics
	}
	return &event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind, Path: e.Path, ID: e.ID, Incarnation: e.Incarnation,
		Exit: e.Exit.Kind, Error: text, Delay: duration(e.Delay), Because: e.Because, Stack: e.Stack,
		HostExhausted: e.HostExhausted,
	}
}

// event returns the event that was written.
func (e *event) event() sup.Event {
	exit := sup.Exit{Kind: e.Exit}
	if e.Error != "" {
		exit.Err = errors.New(e.Error)
	}
	return sup.Event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind, Path: e.Path, ID: e.ID, Incarnation: e.Incarnation,
		Exit: exit, Delay: time.Duration(e.Delay), Because: e.Because, Stack: e.Stack,
		HostExhausted: e.HostExhausted,
	}
}

// check returns why [Read] would refuse the record, or nil.
func (r *Record) check() error {
	if r == nil {
		return errors.New("nil record, want one of Take or Read")
	}
	var faults []error
	if r.Tree.Path == "" {
		faults = append(faults, errors.New("no path of the tree, want a record of Take or Read"))
	}
	var last uint64
	for _, e := range r.Events {
		if err := checkEvent(e, last); err == nil {
			last = e.Seq
		} else if faults = append(faults, err); len(faults) == maxFaults {
			break
		}
	}
	return errors.Join(faults...)
}

// checkEvent returns why an event is invalid after the one with a number, or nil.
func checkEvent(e sup.Event, after uint64) error {
	switch {
	case e.Seq <= after:
		return fmt.Errorf("event %d after event %d", e.Seq, after)
	case e.Kind == 0:
		return fmt.Errorf("event %d without a kind", e.Seq)
	case e.Path == "":
		return fmt.Errorf("event %d without a path", e.Seq)
	case e.Time.IsZero():
		return fmt.Errorf("event %d without a time", e.Seq)
	case e.Incarnation < 0 || e.Delay < 0:
		return fmt.Errorf("event %d with a negative incarnation or delay", e.Seq)
	}
	return nil
}

// WriteTo writes the record in the format of this package. It implements
// [io.WriterTo]. A record that [Read] would refuse is not written: the error lists up
// to ten faults. Records of Take and Read have none. Other errors wrap that of w.
func (r *Record) WriteTo(w io.Writer) (int64, error) {
	if w == nil {
		return 0, errors.New("nil Writer of a flight record")
	}
	if err := r.check(); err != nil {
		return 0, fmt.Errorf("writing a flight record: %w", err)
	}
	to := &counter{w: w}
	buffered := bufio.NewWriter(to)
	lines := newLineWriter(buffered)
	err := lines.write(headerLine{Version, r.Taken, r.Complete})
	if err == nil {
		err = lines.write(treeLine{&r.Tree})
	}
	for i := 0; err == nil && i < len(r.Events); i++ {
		err = lines.write(eventLine{eventOf(r.Events[i])})
	}
	if n := len(r.Events); err == nil {
		err = lines.write(endLine{&n})
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		err = fmt.Errorf("writing a flight record: %w", err)
	}
	return to.n, err
}

// A lineWriter writes values as lines of JSON without characters that control a
// terminal.
type lineWriter struct {
	w       io.Writer
	line    bytes.Buffer
	encoder *json.Encoder // writes to line
}

func newLineWriter(w io.Writer) *lineWriter {
	l := &lineWriter{w: w}
	l.encoder = json.NewEncoder(&l.line)
	l.encoder.SetEscapeHTML(false)
	return l
}

func (l *lineWriter) write(v any) error {
	l.line.Reset()
	if err := l.encoder.Encode(v); err != nil {
		return err
	}
	_, err := l.w.Write(termtext.JSON(l.line.Bytes()))
	return err
}

// A counter counts the bytes that it passes to w.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
