module github.com/espalier-go/espalier/cmd/supctl

go 1.26.0

require (
	charm.land/bubbletea/v2 v2.1.1
	charm.land/lipgloss/v2 v2.0.6
	github.com/charmbracelet/x/term v0.2.2
	github.com/espalier-go/espalier v0.1.0
	github.com/espalier-go/espalier/sup/remote v0.1.0
	github.com/spf13/cobra v1.10.2
)
