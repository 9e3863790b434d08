package proc_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/examplecheck"
)

// The methods of a worker are shown by what a supervisor does with it.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	examplecheck.EntryPoints(t, "github.com/espalier-go/espalier/sup/proc")
}
