package sup

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/foreign"
)

// Snapshots and events can be written as JSON and read back. Enumerations are written
// as their names, durations in nanoseconds, and errors as their texts.

// MarshalText returns the name that String returns.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (k *Kind) UnmarshalText(text []byte) error { return named(k, text, childKindNames) }

// MarshalText returns the name that String returns.
func (r Restart) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (r *Restart) UnmarshalText(text []byte) error { return named(r, text, restartNames) }

// MarshalText returns the name that String returns.
func (s Strategy) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (s *Strategy) UnmarshalText(text []byte) error { return named(s, text, strategyNames) }

// MarshalText returns the name that String returns.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (s *State) UnmarshalText(text []byte) error { return named(s, text, stateNames) }

// MarshalText returns the name that String returns.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (k *EventKind) UnmarshalText(text []byte) error { return named(k, text, kindNames) }

// MarshalText returns the name that String returns.
func (k ExitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (k *ExitKind) UnmarshalText(text []byte) error { return named(k, text, exitKindNames) }

// MarshalText returns the name that String returns.
func (a AutoShutdown) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (a *AutoShutdown) UnmarshalText(text []byte) error { return named(a, text, autoShutdownNames) }

// MarshalText returns the name that String returns.
func (s WhenStuck) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (s *WhenStuck) UnmarshalText(text []byte) error { return named(s, text, whenStuckNames) }

// MarshalText returns the name that String returns.
func (k SetKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText sets the value from its name. The error for another text has all names.
func (k *SetKind) UnmarshalText(text []byte) error { return named(k, text, setKindNames) }

// named sets *e to the value with a name. It is the reverse of nameOf.
func named[E ~uint8](e *E, text []byte, names []string) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%q is not a %T, want %s", text, *e, strings.Join(names, ", "))
	}
	*e = E(i)
	return nil
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
