//go:build unix

package plugin_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/shown"
)

// The methods of a worker are shown by what a supervisor does with a Client.
func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	shown.Everything(t, "github.com/espalier-go/espalier/sup/plugin", shown.Except{Methods: []string{"Initialize", "Run", "Terminate"}})
}
