package proc_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/shown"
)

// The methods of a worker are shown by what a supervisor does with it.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	shown.Everything(t, "github.com/espalier-go/espalier/sup/proc", shown.Except{Methods: []string{"Initialize", "Run", "Terminate"}})
}
