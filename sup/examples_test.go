package sup_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/shown"
)

// What supervisors of all types have in common is shown for Supervisor, and the
// methods by which one type or another is written as text or JSON by Exit.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	shown.Everything(t, "github.com/espalier-go/espalier/sup", shown.Except{
		Methods:  []string{"MarshalText", "UnmarshalText", "UnmarshalJSON"},
		Promoted: []string{"Supervisor"},
	})
}
