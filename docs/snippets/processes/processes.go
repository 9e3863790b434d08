// Package processes has the code of the guide to processes.
package processes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func start(ctx context.Context, dir string) (*sup.Supervisor[*proc.Worker], error) {
	db := proc.Command{
		Path:  "postgres",
		Args:  []string{"-D", dir, "-p", "5433"},
		Ready: proc.ReadyTCP("localhost:5433"),
		Live:  proc.Liveness{Probe: proc.LiveExec(proc.Command{Path: "pg_isready", Args: []string{"-p", "5433"}})},
	}
	api := proc.Command{
		Path:  "./api",
		Env:   append(proc.Environ(), "DB=localhost:5433"),
		Ready: proc.ReadyHTTP("http://localhost:8080/ready"),
		Live:  proc.Liveness{Probe: proc.LiveHTTP("http://localhost:8080/live")},
	}
	return sup.Start(ctx, sup.Spec[*proc.Worker]{Strategy: sup.RestForOne, Children: []sup.ChildSpec[*proc.Worker]{
		{ID: "db", Start: db.Worker, Shutdown: 20 * time.Second},
		{ID: "api", Start: api.Worker, StartTimeout: time.Minute},
	}})
}

func migrateFirst() []sup.ChildSpec[*proc.Worker] {
	migrate := proc.Command{Path: "./migrate", Ready: proc.ReadyDone()}
	api := proc.Command{Path: "./api"}
	return []sup.ChildSpec[*proc.Worker]{
		{ID: "migrate", Start: migrate.Worker, StartTimeout: 10 * time.Minute},
		{ID: "api", Start: api.Worker}, // begins when migrate has ended with exit code 0
	}
}

func limited(logger *slog.Logger) proc.Command {
	return proc.Command{
		Path:   "./convert",
		User:   "nobody",                                     // the host must be root, or have CAP_SETUID
		Limits: proc.Limits{Memory: 512 << 20, CPU: 0.5},     // Linux, control groups
		Logger: logger,                                       // a record for each line of output
		Normal: func(e proc.Exit) error { return normal(e) }, // which exits are no failure
	}
}

// normal says that the exit code 75 is a request to be started again later.
func normal(e proc.Exit) error {
	if e.Code == 75 {
		return nil
	}
	return e.Err()
}

func keepSocket() (*proc.Listener, proc.Command, error) {
	socket, err := proc.Listen("tcp", "localhost:8080")
	if err != nil {
		return nil, proc.Command{}, err
	}
	return socket, proc.Command{Path: "./api", Listeners: []*proc.Listener{socket}}, nil
}

func report(err error) {
	if exit, ok := errors.AsType[*proc.ExitError](err); ok {
		fmt.Println(exit.Code, exit.Signal, exit.MaxRSS, proc.LastOutput(exit.Lines))
	}
}
