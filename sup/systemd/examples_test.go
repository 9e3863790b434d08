package systemd_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/shown"
)

func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	shown.Everything(t, "github.com/espalier-go/espalier/sup/systemd", shown.Except{})
}
