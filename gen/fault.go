package gen

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// A Fault is one mistake in the source.
type Fault struct {
	Pos     token.Position // inside the tag if the mistake is there
	Message string         // what is wrong
	Hint    string         // what to write instead; "" if the message says it
}

// String returns "file:line:col: message (hint)".
func (f Fault) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s", f.Pos.Filename, f.Pos.Line, f.Pos.Column, f.Message)
	if f.Hint != "" {
		s += " (" + f.Hint + ")"
	}
	return s
}

// SortFaults sorts faults by position and removes duplicates.
func SortFaults(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(faults)
}
