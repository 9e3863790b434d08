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

// The lines of the format. Each line has one of these, and fields that are not
// known are faults.
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

// event is a [sup.Event] as it is written.
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
}

// duration is written as text.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func written(e sup.Event) *event {
	text := ""
	if e.Exit.Err != nil {
		text = fmt.Sprint(e.Exit.Err) // survives a method that panics
	}
	return &event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind, Path: e.Path, ID: e.ID, Incarnation: e.Incarnation,
		Exit: e.Exit.Kind, Error: text, Delay: duration(e.Delay), Because: e.Because, Stack: e.Stack,
	}
}

func (e *event) read() sup.Event {
	exit := sup.Exit{Kind: e.Exit}
	if e.Error != "" {
		exit.Err = errors.New(e.Error)
	}
	return sup.Event{
		Seq: e.Seq, Time: e.Time, Kind: e.Kind, Path: e.Path, ID: e.ID, Incarnation: e.Incarnation,
		Exit: exit, Delay: time.Duration(e.Delay), Because: e.Because, Stack: e.Stack,
	}
}

// check returns what is wrong with a record: what [Read] would not read is not
// written.
func (r *Record) check() error {
	if r == nil {
		return errors.New("there is none: take one with Take")
	}
	var faults []error
	if r.Tree.Path == "" {
		faults = append(faults, errors.New("it has no tree with a path: take one with Take"))
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

// checkEvent returns what is wrong with an event that comes after another one.
func checkEvent(e sup.Event, after uint64) error {
	switch {
	case e.Seq <= after:
		return fmt.Errorf("event number %d comes after %d", e.Seq, after)
	case e.Kind == 0:
		return fmt.Errorf("event number %d has no kind", e.Seq)
	case e.Path == "":
		return fmt.Errorf("event number %d has no path", e.Seq)
	case e.Time.IsZero():
		return fmt.Errorf("event number %d has no time", e.Seq)
	case e.Incarnation < 0 || e.Delay < 0:
		return fmt.Errorf("event number %d has a negative incarnation or delay", e.Seq)
	}
	return nil
}

// WriteTo writes the record in the format of this package. It implements
// [io.WriterTo]. The error is that of w; or it lists what is wrong with the
// record, up to ten faults, and nothing is written then: one that [Take] or [Read]
// returned has none.
func (r *Record) WriteTo(w io.Writer) (int64, error) {
	if w == nil {
		return 0, errors.New("flight: no writer: give that of a file")
	}
	if err := r.check(); err != nil {
		return 0, fmt.Errorf("flight: writing a record: %w", err)
	}
	to := &counter{w: w}
	buffered := bufio.NewWriter(to)
	lines := newLineWriter(buffered)
	err := lines.write(headerLine{Version, r.Taken, r.Complete})
	if err == nil {
		err = lines.write(treeLine{&r.Tree})
	}
	for i := 0; err == nil && i < len(r.Events); i++ {
		err = lines.write(eventLine{written(r.Events[i])})
	}
	if n := len(r.Events); err == nil {
		err = lines.write(endLine{&n})
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		err = fmt.Errorf("flight: writing a record: %w", err)
	}
	return to.n, err
}

// A lineWriter writes values as lines of JSON that are harmless for a terminal.
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

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
