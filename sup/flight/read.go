package flight

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrFormat is returned when a file is not a flight record, or is damaged.
	ErrFormat = errors.New("invalid flight record")
	// ErrVersion is returned when a record has another version than [Version].
	ErrVersion = errors.New("unknown version of a flight record")
	// ErrCut is returned when the end of a record is missing.
	ErrCut = errors.New("incomplete flight record")
)

// A LineError is the error about one line of a record.
type LineError struct {
	// Line counts from 1.
	Line int
	// Err wraps ErrFormat, ErrVersion or ErrCut.
	Err error
}

// Error returns the number of the line and the text of Err.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns Err.
func (e *LineError) Unwrap() error { return e.Err }

const (
	// maxLine is the most bytes of a line. The snapshot of a million children fits.
	maxLine = 1 << 29
	// maxFaults is the most faults that an error lists.
	maxFaults = 10
)

// Read reads a record that [Record.WriteTo] has written. The error joins up to ten
// faults, each a [LineError] that wraps [ErrFormat], [ErrVersion] or [ErrCut], or wraps
// the error of r.
func Read(r io.Reader) (*Record, error) {
	if r == nil {
		return nil, errors.New("nil Reader of a flight record")
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	in := &reader{record: new(Record), expect: (*reader).header}
	for lines.Scan() && !in.hopeless() {
		in.line++
		in.expect(in, lines.Bytes())
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		in.line++
		in.fault("%w: longer than %d bytes", ErrFormat, maxLine)
	} else if err != nil {
		return nil, fmt.Errorf("reading a flight record: %w", err)
	}
	if !in.ended && !in.hopeless() {
		in.line++
		in.fault("%w: no {\"end\":N}", ErrCut)
	}
	if len(in.faults) > 0 {
		return nil, errors.Join(in.faults...)
	}
	return in.record, nil
}

// A reader reads a record line by line.
type reader struct {
	record  *Record
	line    int
	expect  func(in *reader, line []byte) // takes the next line
	last    uint64                        // the number of the last event
	count   int                           // of events, valid or not
	ended   bool
	foreign bool // the file is not a record at all
	faults  []error
}

func (in *reader) fault(format string, args ...any) {
	in.faults = append(in.faults, &LineError{in.line, fmt.Errorf(format, args...)})
}

// hopeless reports that reading on would find nothing of use.
func (in *reader) hopeless() bool { return in.foreign || len(in.faults) >= maxFaults }

// parse decodes a line. If the line is not what is wanted, it adds a fault and returns
// false.
func (in *reader) parse(line []byte, into any, want string) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		in.fault("%w: want %s: %w", ErrFormat, want, err)
		return false
	}
	if d.More() {
		in.fault("%w: want %s and nothing after it", ErrFormat, want)
		return false
	}
	return true
}

func (in *reader) header(line []byte) {
	var version struct{ Flight *int } // first, since another version may have other fields
	switch err := json.Unmarshal(line, &version); {
	case err != nil || version.Flight == nil:
		in.foreign = true
		in.fault("%w: want the header, {\"flight\":%d,...}", ErrFormat, Version)
		return
	case *version.Flight != Version:
		in.foreign = true
		in.fault("%w: %d, want %d", ErrVersion, *version.Flight, Version)
		return
	}
	var header headerLine
	if in.parse(line, &header, "the header") {
		in.record.Taken, in.record.Complete = header.Taken, header.Complete
	}
	in.expect = (*reader).tree
}

func (in *reader) tree(line []byte) {
	in.expect = (*reader).event
	var tree treeLine
	if !in.parse(line, &tree, `{"tree":...}`) {
		return
	}
	if tree.Tree == nil || tree.Tree.Path == "" {
		in.fault("%w: want a tree with a path", ErrFormat)
		return
	}
	in.record.Tree = *tree.Tree
}

func (in *reader) event(line []byte) {
	if bytes.HasPrefix(line, []byte(`{"end"`)) {
		in.end(line)
		return
	}
	in.count++
	var l eventLine
	if !in.parse(line, &l, `{"event":...} or {"end":N}`) {
		return
	}
	if l.Event == nil {
		in.fault("%w: want {\"event\":...} or {\"end\":N}", ErrFormat)
		return
	}
	e := l.Event.event()
	if err := checkEvent(e, in.last); err != nil {
		in.fault("%w: %w", ErrFormat, err)
		return
	}
	in.last = e.Seq
	in.record.Events = append(in.record.Events, e)
}

func (in *reader) end(line []byte) {
	in.expect, in.ended = (*reader).rest, true
	var end endLine
	if in.parse(line, &end, `{"end":N}`) && (end.End == nil || *end.End != in.count) {
		in.fault("%w: %d events, and another number in its end", ErrCut, in.count)
	}
}

func (in *reader) rest(line []byte) {
	if len(bytes.TrimSpace(line)) > 0 {
		in.fault("%w: text after its end", ErrFormat)
		in.foreign = true
	}
}

var _ io.WriterTo = (*Record)(nil)
