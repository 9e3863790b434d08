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
	// ErrFormat is wrapped by the error for what is no flight record, or one
	// that is damaged.
	ErrFormat = errors.New("not a flight record")
	// ErrVersion is wrapped by the error for a record of another version.
	ErrVersion = errors.New("a flight record of another version")
	// ErrCut is wrapped by the error for a record whose end is missing.
	ErrCut = errors.New("the flight record was cut short")
)

// A LineError is a fault of one line.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns Err.
func (e *LineError) Unwrap() error { return e.Err }

const (
	// maxLine is how long a line may be, in bytes: the snapshot of a million
	// children is a line.
	maxLine = 1 << 29
	// maxFaults is how many are listed.
	maxFaults = 10
)

// Read reads a record that [Record.WriteTo] has written. The error lists the
// faults, up to ten, each a [LineError] that wraps [ErrFormat], [ErrVersion] or
// [ErrCut]; or it is that of r.
func Read(r io.Reader) (*Record, error) {
	if r == nil {
		return nil, errors.New("flight: no reader: give that of a file")
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
		return nil, fmt.Errorf("flight: reading a record: %w", err)
	}
	if !in.ended && !in.hopeless() {
		in.line++
		in.fault("%w: there is no {\"end\":N}", ErrCut)
	}
	if len(in.faults) > 0 {
		return nil, fmt.Errorf("flight: %w", errors.Join(in.faults...))
	}
	return in.record, nil
}

// reader is where the reading of a record stands.
type reader struct {
	record *Record
	line   int
	expect func(in *reader, line []byte) // takes the next line
	last   uint64                        // the number of the last event
	count  int                           // of events, good or not
	ended  bool
	alien  bool // it is no record at all
	faults []error
}

func (in *reader) fault(format string, args ...any) {
	in.faults = append(in.faults, &LineError{in.line, fmt.Errorf(format, args...)})
}

// hopeless reports that nothing is gained by reading on.
func (in *reader) hopeless() bool { return in.alien || len(in.faults) >= maxFaults }

// parse reads a line, and reports a fault if it is not what it should be.
func (in *reader) parse(line []byte, into any, want string) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		in.fault("%w: expected %s: %w", ErrFormat, want, err)
		return false
	}
	if d.More() {
		in.fault("%w: expected %s and nothing behind it", ErrFormat, want)
		return false
	}
	return true
}

func (in *reader) header(line []byte) {
	var version struct{ Flight *int } // first, since another one may have other fields
	switch err := json.Unmarshal(line, &version); {
	case err != nil || version.Flight == nil:
		in.alien = true
		in.fault("%w: expected the header, {\"flight\":%d,…}", ErrFormat, Version)
		return
	case *version.Flight != Version:
		in.alien = true
		in.fault("%w: it is %d, and this program reads %d", ErrVersion, *version.Flight, Version)
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
	if !in.parse(line, &tree, `{"tree":…}`) {
		return
	}
	if tree.Tree == nil || tree.Tree.Path == "" {
		in.fault("%w: expected a tree with a path", ErrFormat)
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
	if !in.parse(line, &l, `{"event":…} or {"end":N}`) {
		return
	}
	if l.Event == nil {
		in.fault("%w: expected {\"event\":…} or {\"end\":N}", ErrFormat)
		return
	}
	e := l.Event.read()
	if err := checkEvent(e, in.last); err != nil {
		in.fault("%w: %w", ErrFormat, err)
		return
	}
	in.last = e.Seq
	in.record.Events = append(in.record.Events, e)
}

func (in *reader) end(line []byte) {
	in.expect, in.ended = (*reader).behind, true
	var end endLine
	if in.parse(line, &end, `{"end":N}`) && (end.End == nil || *end.End != in.count) {
		in.fault("%w: there are %d events, and the end tells of another number", ErrCut, in.count)
	}
}

func (in *reader) behind(line []byte) {
	if len(bytes.TrimSpace(line)) > 0 {
		in.fault("%w: something comes after its end", ErrFormat)
		in.alien = true
	}
}

var _ io.WriterTo = (*Record)(nil)
