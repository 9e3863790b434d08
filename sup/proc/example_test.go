//go:build unix

package proc_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// shell returns the command of a script whose output is only kept.
func shell(script string, args ...string) proc.Command {
	return proc.Command{
		Path:   "sh",
		Args:   append([]string{"-c", script, "script"}, args...),
		Stdout: proc.Kept,
		Stderr: proc.Kept,
	}
}

// runOnce supervises a process until it ends, and returns its exit.
func runOnce(command proc.Command) sup.Exit {
	s := sup.New(sup.Spec[*proc.Worker]{
		Name:         "example",
		Intensity:    sup.Intensity{Restarts: 0, Within: time.Second},
		AutoShutdown: sup.AutoShutdownAnySignificant,
		Children: []sup.ChildSpec[*proc.Worker]{
			{ID: "one", Start: command.Worker, Restart: sup.Transient, Significant: true},
		},
	})
	_ = s.Run(context.Background()) // the last exit has the error
	return s.Children()[0].LastExit
}

// plain returns the text of an error without the directory of the shell.
func plain(err error) string {
	return regexp.MustCompile(`/\S*/`).ReplaceAllString(fmt.Sprint(err), "")
}

// A process is a child like any other. This one is ready after its first line of
// output.
func Example() {
	ctx := context.Background()
	ticker := proc.Command{
		Path:  "sh",
		Args:  []string{"-c", "echo ready; exec sleep 1000"},
		Ready: proc.ReadyLine(regexp.MustCompile("^ready$")),
		Logger: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == "time" || a.Key == "pid" {
				return slog.Attr{}
			}
			return a
		}})),
	}
	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
		Name:     "clock",
		Children: []sup.ChildSpec[*proc.Worker]{{ID: "ticker", Start: ticker.Worker, Shutdown: 10 * time.Second}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, ok := s.Child("ticker").Get()
	fmt.Println(ok, w.Process().Pid() > 0, s.Shutdown(ctx))
	// Unordered output:
	// level=INFO msg=output path=clock/ticker incarnation=1 stream=stdout line=ready
	// true true <nil>
}

func ExampleCommand() {
	command := proc.Command{
		Path:       "sh",
		Args:       []string{"-c", `echo "$GREETING, $0"; cat`, "World"},
		Env:        []string{"GREETING=Hello", "PATH=" + os.Getenv("PATH")},
		Dir:        "/",
		Stdout:     proc.Kept,
		Stderr:     proc.Kept,
		Tail:       5,
		StopSignal: syscall.SIGINT,
		Normal: func(exit proc.Exit) error {
			fmt.Println(exit, exit.Lines)
			return exit.Err()
		},
	}
	fmt.Println(runOnce(command))
	// Output:
	// exit code 0 [Hello, World]
	// normal
}

func ExampleCommand_Worker() {
	ctx := context.Background()
	// The start function changes its own copy of the command.
	echo := shell("echo $1; exec sleep 1000")
	set := sup.NewKeyed(sup.KeyedSpec[string, *proc.Worker]{
		Name: "echoes",
		Start: func(ctx context.Context, name string) (*proc.Worker, error) {
			command := echo
			command.Args = slices.Concat(echo.Args, []string{name})
			command.Ready = proc.ReadyLine(regexp.MustCompile(name))
			return command.Worker(ctx)
		},
	})
	if err := set.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range []string{"ann", "bob"} {
		child, _ := set.StartChild(ctx, name)
		w, _ := child.Get()
		fmt.Println(name, w.Process().Tail())
	}
	fmt.Println(set.Shutdown(ctx))
	// Output:
	// ann [ann]
	// bob [bob]
	// <nil>
}

func ExampleCommand_Start() {
	p, err := shell("exit 3").Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	exit, err := p.Wait(context.Background())
	fmt.Println(exit, err)
	// Output: exit code 3 <nil>
}

// The caller reads one stream. The other one is kept.
func ExampleOutput() {
	command := shell("echo data; echo trouble >&2")
	command.Stdout, command.Stderr = proc.Piped, proc.Kept
	p, err := command.Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	var word string
	_, err = fmt.Fscan(p.Stdout(), &word)
	exit, _ := p.Wait(context.Background())
	fmt.Println(word, err, strings.Contains(fmt.Sprint(exit.Lines), "trouble"))
	// Output: data <nil> true
}

func ExampleWorker() {
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
		Children: []sup.ChildSpec[*proc.Worker]{{ID: "nap", Start: shell("exec sleep 1000").Worker}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	nap := s.Child("nap")
	w, _ := nap.Get()
	_ = w.Process().Kill() // the supervisor restarts the child
	for next := w; next == w; {
		next, _ = nap.Wait(ctx)
	}
	info, _ := nap.Info()
	fmt.Println(info.Incarnation, plain(info.LastExit.Err))
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// 2 sh: signal: killed
	// <nil>
}
