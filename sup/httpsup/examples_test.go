package httpsup_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/examplecheck"
)

func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	examplecheck.EntryPoints(t, "github.com/espalier-go/espalier/sup/httpsup")
}
