package sup

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/internal/foreign"
)

// Snapshots and events can be written as JSON and read back. Enumerations are written
// as their names, durations in nanoseconds, and errors as their texts.

// MarshalText returns the name that String returns.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name.
func (k *Kind) UnmarshalText(text []byte) error { return named(k, text) }

// MarshalText returns the name that String returns.
func (r Restart) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText sets the value from its name.
func (r *Restart) UnmarshalText(text []byte) error { return named(r, text) }

// MarshalText returns the name that String returns.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name.
func (s *Strategy) UnmarshalText(text []byte) error { return named(s, text) }

// MarshalText returns the name that String returns.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name.
func (s *State) UnmarshalText(text []byte) error { return named(s, text) }

// MarshalText returns the name that String returns.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name.
func (k *EventKind) UnmarshalText(text []byte) error { return named(k, text) }

// MarshalText returns the name that String returns.
func (k ExitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name.
func (k *ExitKind) UnmarshalText(text []byte) error { return named(k, text) }

// MarshalText returns the name that String returns.
func (a AutoShutdown) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText sets the value from its name.
func (a *AutoShutdown) UnmarshalText(text []byte) error { return named(a, text) }

// MarshalText returns the name that String returns.
func (s WhenStuck) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name.
func (s *WhenStuck) UnmarshalText(text []byte) error { return named(s, text) }

// MarshalText returns the name that String returns.
func (k SetKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name.
func (k *SetKind) UnmarshalText(text []byte) error { return named(k, text) }

// maxNames is more than the number of values of any enumeration.
const maxNames = 32

// named sets *e to the value with a name. It is the reverse of nameOf.
func named[E interface {
	~uint8
	fmt.Stringer
}](e *E, text []byte) error {
	for v := range E(maxNames) {
		if v.String() == string(text) {
			*e = v
			return nil
		}
	}
	return fmt.Errorf("%q: not a name of a %T", text, *e)
}

// exitText is the JSON form of an [Exit].
type exitText struct {
	Kind  ExitKind `json:"kind"`
	Error string   `json:"error,omitempty"`
}

// MarshalJSON returns an object with the kind and the text of the error.
func (e Exit) MarshalJSON() ([]byte, error) {
	text := exitText{Kind: e.Kind}
	if e.Err != nil {
		text.Error = foreign.ErrorText(e.Err)
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads the output of MarshalJSON. The error then has only its text.
func (e *Exit) UnmarshalJSON(b []byte) error {
	var text exitText
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("exit: %w", err)
	}
	*e = Exit{Kind: text.Kind}
	if text.Error != "" {
		e.Err = errors.New(text.Error)
	}
	return nil
}
