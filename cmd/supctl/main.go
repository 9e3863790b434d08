// Supctl looks into a supervision tree of another program, and changes it: it
// talks to the control server that the program has, see package
// github.com/espalier-go/espalier/sup/remote.
//
//	supctl -a unix:/run/orders/control.sock tree
//	supctl -a unix:/run/orders/control.sock restart orders/feeds/ACME
//
// supctl help tells the commands, and supctl help exit-codes what scripts can
// rely on.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/internal/termtext"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program: it returns the exit code.
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
	fmt.Fprintln(stderr, "supctl:", termtext.Text(prefix.Cut(err)))
	if hint := s.hint(ctx, err); hint != "" {
		fmt.Fprintln(stderr, termtext.Text(hint))
	}
	return exitCode(err)
}
