//go:build unix

package processes

import (
	"log/slog"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func TestTheSpecsAreValid(t *testing.T) {
	if err := (sup.Spec[*proc.Worker]{Children: migrateFirst()}).Validate(); err != nil {
		t.Error(err)
	}
	socket, withSocket, err := keepSocket()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, command := range []proc.Command{limited(slog.Default()), withSocket} {
		if err := command.Validate(); err != nil {
			t.Error(err)
		}
	}
}

func TestAnExitErrorIsReported(t *testing.T) {
	_, err := sup.Start(t.Context(), sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{
		{ID: "false", Start: (proc.Command{Path: "false", Ready: proc.ReadyDone()}).Worker},
	}})
	report(err) // prints the exit code, and no panic of a nil pointer
	if err == nil {
		t.Error("the start succeeded")
	}
}

func TestWithoutADatabaseTheTreeDoesNotStart(t *testing.T) {
	if _, err := start(t.Context(), t.TempDir()); err == nil {
		t.Error("started with an empty directory")
	}
}
