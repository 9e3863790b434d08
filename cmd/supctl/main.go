// Supctl inspects and operates the supervision tree of a running program, through the
// control server of package github.com/espalier-go/espalier/sup/remote.
//
//	supctl -a unix:/run/orders/control.sock tree
//	supctl -a unix:/run/orders/control.sock restart orders/feeds/ACME
//
// "supctl help" lists the commands, "supctl help exit-codes" the exit codes for
// scripts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/espalier-go/espalier/internal/termtext"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal terminates the process
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := &session{stderr: stderr}
	root := s.command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	defer s.close()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(stderr, "supctl:", termtext.Text(err.Error()))
	if hint := s.hint(ctx, err); hint != "" {
		fmt.Fprintln(stderr, termtext.Text(hint))
	}
	return exitCode(err)
}
