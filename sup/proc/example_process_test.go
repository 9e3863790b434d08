//go:build unix

package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// begin starts a command for an example.
func begin(command proc.Command) *proc.Process {
	p, err := command.Start(context.Background())
	if err != nil {
		panic(err)
	}
	return p
}

func ExampleProcess() {
	p := begin(shell("exec sleep 1000"))
	exit := p.Stop(context.Background(), time.Minute)
	fmt.Println(exit)
	// Output: signal: terminated
}

// A process that ignores the signal is killed after the grace period.
func ExampleProcess_Stop() {
	command := shell("trap '' TERM; echo; while :; do sleep 1; done")
	command.Stdout = proc.Piped
	p := begin(command)
	_, _ = bufio.NewReader(p.Stdout()).ReadString('\n')
	exit := p.Stop(context.Background(), 50*time.Millisecond)
	fmt.Println(exit, exit.Killed)
	// Output: signal: killed true
}

func ExampleExit() {
	for _, script := range []string{"exit 0", "exit 3", "kill -9 $$"} {
		p := begin(shell(script))
		exit, _ := p.Wait(context.Background())
		fmt.Println(exit.Code, int(exit.Signal), exit)
	}
	// Output:
	// 0 0 exit code 0
	// 3 0 exit code 3
	// -1 9 signal: killed
}

func ExampleExitError() {
	exit := runOnce(shell("echo working; echo 'no disk' >&2; exit 3"))
	if failed, ok := errors.AsType[*proc.ExitError](exit.Err); ok {
		fmt.Println(exit.Kind, failed.Code)
		fmt.Println(plain(failed))
	}
	// Output:
	// abnormal 3
	// sh: exit code 3; last output: "no disk"
}

func ExampleLastOutput() {
	p := begin(shell("echo 'no disk' >&2; seq 3000; exit 3"))
	exit, _ := p.Wait(context.Background())
	fmt.Println(proc.LastOutput(exit.Lines))
	// Output: no disk
}

func ExampleLimits() {
	command := shell("ulimit -n; ulimit -c")
	command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.OpenFiles: 100, proc.CoreSize: 0}
	p, err := command.Start(context.Background())
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("[100 0]") // no limits on this system
		return
	}
	exit, _ := p.Wait(context.Background())
	fmt.Println(exit.Lines)
	// Output: [100 0]
}

// The start fails if the process ends before it is ready.
func ExampleNotReadyError() {
	command := shell("echo 'the port is taken' >&2; exit 1")
	command.Ready = proc.ReadyNotify()
	_, err := sup.Start(context.Background(), sup.Spec[*proc.Worker]{
		Name:     "shop",
		Children: []sup.ChildSpec[*proc.Worker]{{ID: "web", Start: command.Worker}},
	})
	fmt.Println(plain(err))
	fmt.Println(errors.Is(err, proc.ErrNotReady), errors.Is(err, proc.ErrExit))
	// Output:
	// shop/web: start: sh: not ready: waited for READY=1 on NOTIFY_FD or NOTIFY_SOCKET: exit code 1; last output: "the port is taken"
	// true true
}

// The process gets the environment of the host and one more variable.
func ExampleEnviron() {
	command := shell("echo $GREETING")
	command.Env = append(proc.Environ(), "GREETING=hello")
	p := begin(command)
	<-p.Done()
	fmt.Println(p.Tail())
	// Output: [hello]
}

// A host that is process 1 of a container reaps orphans in sessions of their own.
func ExampleReapOrphans() {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- proc.ReapOrphans(ctx) }()
	p := begin(shell("exit 3"))
	<-p.Done()
	stop()
	fmt.Println(<-ended)
	// Output: context canceled
}
