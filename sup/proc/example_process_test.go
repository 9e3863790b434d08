//go:build unix

package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
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
	exit := p.Stop(context.Background(), 5*time.Second)
	fmt.Println(exit)
	// Output: signal: terminated
}

func ExampleProcess_Done() {
	p := begin(shell("exit 0"))
	<-p.Done()
	fmt.Println(p.Exit())
	// Output: exit code 0 true
}

func ExampleProcess_Wait() {
	p := begin(shell("exec sleep 1000"))
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := p.Wait(ctx)
	fmt.Println(err)
	_ = p.Kill()
	exit, err := p.Wait(context.Background())
	fmt.Println(exit, err)
	// Output:
	// context deadline exceeded
	// signal: killed <nil>
}

func ExampleProcess_Exit() {
	p := begin(shell("exec sleep 1000"))
	_, ended := p.Exit()
	fmt.Println(ended)
	p.Stop(context.Background(), time.Second)
	_, ended = p.Exit()
	fmt.Println(ended)
	// Output:
	// false
	// true
}

func ExampleProcess_Pid() {
	p := begin(shell("exec sleep 1000"))
	group, err := syscall.Getpgid(p.Pid())
	fmt.Println(group == p.Pid(), err) // it leads its group
	p.Stop(context.Background(), time.Second)
	// Output: true <nil>
}

func ExampleProcess_Signal() {
	p := begin(shell("exec sleep 1000"))
	fmt.Println(p.Signal(syscall.SIGHUP))
	exit, _ := p.Wait(context.Background())
	fmt.Println(exit)
	fmt.Println(errors.Is(p.Signal(syscall.SIGHUP), os.ErrProcessDone))
	// Output:
	// <nil>
	// signal: hangup
	// true
}

func ExampleProcess_Kill() {
	p := begin(shell("exec sleep 1000"))
	fmt.Println(p.Kill())
	exit, _ := p.Wait(context.Background())
	fmt.Println(exit, exit.Killed) // it was not Stop that killed it
	// Output:
	// <nil>
	// signal: killed false
}

// A process that ignores the signal is killed when its grace is over.
func ExampleProcess_Stop() {
	command := shell("trap '' TERM; echo; while :; do sleep 1; done")
	command.Stdout = proc.Piped
	p := begin(command)
	_, _ = bufio.NewReader(p.Stdout()).ReadString('\n')
	exit := p.Stop(context.Background(), 50*time.Millisecond)
	fmt.Println(exit, exit.Killed)
	// Output: signal: killed true
}

func ExampleProcess_Tail() {
	command := shell("seq 1000")
	command.Tail = 3
	p := begin(command)
	<-p.Done()
	fmt.Println(p.Tail())
	// Output: [998 999 1000]
}

func ExampleProcess_Dropped() {
	command := shell("seq 10")
	command.Stdout, command.Logger = proc.Logged, slog.New(slog.DiscardHandler)
	p := begin(command)
	<-p.Done()
	fmt.Println(p.Dropped()) // so few always fit
	// Output: 0
}

func ExampleProcess_Stdout() {
	command := shell("echo hello")
	command.Stdout = proc.Piped
	p := begin(command)
	<-p.Done() // what it has said can still be read
	all, err := io.ReadAll(p.Stdout())
	fmt.Printf("%q %v\n", all, err)
	// Output: "hello\n" <nil>
}

func ExampleProcess_Stderr() {
	command := shell("echo hello; echo trouble >&2")
	command.Stderr = proc.Piped
	p := begin(command)
	all, err := io.ReadAll(p.Stderr())
	fmt.Printf("%q %v %v\n", all, err, p.Stdout())
	// Output: "trouble\n" <nil> <nil>
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

func ExampleExit_Err() {
	command := shell("exit 3")
	command.Normal = func(exit proc.Exit) error {
		if exit.Code == 3 { // nothing to do
			return nil
		}
		return exit.Err()
	}
	fmt.Println(runOnce(command))
	// Output: normal
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
		fmt.Println("[100 0]") // this system has none
		return
	}
	exit, _ := p.Wait(context.Background())
	fmt.Println(exit.Lines)
	// Output: [100 0]
}

func ExampleRlimit() {
	fmt.Println(proc.OpenFiles, "and", proc.AddressSpace)
	// Output: open files and address space
}

func ExampleLimitError() {
	command := shell("exit 0")
	command.Limits.Cgroup = "/no/such/group"
	_, err := command.Start(context.Background())
	if limit, ok := errors.AsType[*proc.LimitError](err); ok {
		fmt.Println(limit.Limit, errors.Is(err, proc.ErrLimit))
	}
	// Output: Cgroup true
}

// A process that ends before it is ready is a failed start.
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
	// sup: start of shop/web: sh: not ready: waited for READY=1 on NOTIFY_FD or NOTIFY_SOCKET: exit code 1; last output: "the port is taken"
	// true true
}

func ExampleProcess_Flush() {
	command := shell("echo one; echo two")
	command.Stdout = proc.Logged
	command.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == "line" {
			return a
		}
		return slog.Attr{}
	}}))
	p := begin(command)
	fmt.Println(p.Flush(context.Background()))
	// Output:
	// line=one
	// line=two
	// <nil>
}

// A process that logs over a connection.
func ExampleProcess_Writer() {
	host, plugin := net.Pipe()
	go func() {
		fmt.Fprint(plugin, "over the wire\n")
		plugin.Close()
	}()
	p := begin(shell("exec sleep 1000"))
	_, err := io.Copy(p.Writer(proc.Stderr), host)
	fmt.Println(p.Tail(), err)
	p.Stop(context.Background(), time.Second)
	// Output: [over the wire] <nil>
}

// A process gets the environment of the host, and a variable more.
func ExampleEnviron() {
	command := shell("echo $GREETING")
	command.Env = append(proc.Environ(), "GREETING=hello")
	p := begin(command)
	<-p.Done()
	fmt.Println(p.Tail())
	// Output: [hello]
}

// Process 1 of a container reaps what its processes leave in sessions of their
// own.
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
