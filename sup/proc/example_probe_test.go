//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// somewhere returns an address without a listener.
func somewhere() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// tryOut supervises a process until it is ready, and prints its state, its incarnation
// and the error of the shutdown.
func tryOut(command proc.Command) {
	ctx := context.Background()
	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{Children: []sup.ChildSpec[*proc.Worker]{{ID: "one", Start: command.Worker}}})
	if err != nil {
		fmt.Println(plain(err))
		return
	}
	info, _ := s.Child("one").Info()
	fmt.Println(info.State, info.Incarnation, s.Shutdown(ctx))
}

func ExampleReadyAtOnce() {
	command := shell("exec sleep 1000")
	command.Ready = proc.ReadyAtOnce() // the default
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyLine() {
	command := shell("echo starting; echo listening on 80; exec sleep 1000")
	command.Ready = proc.ReadyLine(regexp.MustCompile(`^listening on \d+$`))
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyTCP() {
	address := somewhere()
	command := fake("serve", address, "10ms") // listens there after 10 ms
	command.Ready = proc.ReadyTCP(address)
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyHTTP() {
	address := somewhere()
	command := fake("serve", address, "10ms")
	command.Ready = proc.ReadyHTTP("http://" + address + "/ok")
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyNotify() {
	command := shell(`echo READY=1 >&$NOTIFY_FD; exec sleep 1000`)
	command.Ready = proc.ReadyNotify()
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyFunc() {
	dir, err := os.MkdirTemp("", "ready")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "pid")
	command := shell("echo $$ >$1; exec sleep 1000", file)
	command.Ready = proc.ReadyFunc(func(context.Context, *proc.Process) error {
		_, err := os.Stat(file)
		return err
	})
	tryOut(command)
	// Output: running 1 <nil>
}

// In the program of the process, which is not a process of proc here.
func ExampleNotify() {
	sent, err := proc.Notify(proc.NotifyReady)
	fmt.Println(sent, err)
	// Output: false <nil>
}

func ExampleLiveness() {
	address := somewhere()
	command := fake("serve", address, "0s")
	command.Ready = proc.ReadyTCP(address)
	command.Live = proc.Liveness{
		Probe:    proc.LiveHTTP("http://" + address + "/ok"),
		Interval: 5 * time.Second,
		Timeout:  500 * time.Millisecond,
		Failures: 2,
	}
	tryOut(command)
	// Output: running 1 <nil>
}

// unhealthy runs a process until its probe has failed twice, and prints the last
// failure.
func unhealthy(command proc.Command, probe proc.LiveProbe) {
	command.Live = proc.Liveness{Probe: probe, Interval: time.Millisecond, Timeout: time.Minute, Failures: 2}
	exit := runOnce(command)
	failed, ok := errors.AsType[*proc.UnhealthyError](exit.Err)
	if !ok {
		fmt.Println(exit)
		return
	}
	text := regexp.MustCompile(`^/\S*/`).ReplaceAllString(failed.Err.Error(), "") // the directory of a program
	fmt.Println(exit.Kind, regexp.MustCompile(`\d+\.[\d.]+:\d+`).ReplaceAllString(text, "ADDRESS"))
}

func ExampleLiveTCP() {
	address := somewhere()
	command := fake("serve", address, "0s")
	command.Ready, command.Live.Probe = proc.ReadyTCP(address), proc.LiveTCP(address)
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleLiveHTTP() {
	address := somewhere()
	command := fake("serve", address, "0s")
	command.Ready = proc.ReadyTCP(address)
	unhealthy(command, proc.LiveHTTP("http://"+address+"/bad"))
	// Output: abnormal GET http://ADDRESS/bad: 500 Internal Server Error
}

func ExampleLiveExec() {
	check := proc.Command{Path: "sh", Args: []string{"-c", "echo no response; exit 2"}} // pg_isready, say
	unhealthy(shell("exec sleep 1000"), proc.LiveExec(check))
	// Output: abnormal sh: exit code 2; last output: "no response"
}

func ExampleLiveGreeting() {
	address := somewhere()
	command := fake("greet", address, "421 too busy\r\n")
	command.Ready = proc.ReadyTCP(address)
	unhealthy(command, proc.LiveGreeting(address, regexp.MustCompile("^220 ")))
	// Output: abnormal greeting of ADDRESS: "421 too busy\r\n" does not match "^220 "
}

func ExampleReadyExec() {
	address := somewhere()
	command := fake("greet", address)
	command.Ready = proc.ReadyExec(fake("greeted", address))
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleReadyGreeting() {
	address := somewhere()
	command := fake("greet", address, "220 ready\r\n")
	command.Ready = proc.ReadyGreeting(address, regexp.MustCompile("^220 "))
	tryOut(command)
	// Output: running 1 <nil>
}

func ExampleLiveNotify() {
	unhealthy(shell("exec sleep 1000"), proc.LiveNotify())
	// Output: abnormal no WATCHDOG=1 in the interval
}

func ExampleLiveFunc() {
	unhealthy(shell("exec sleep 1000"), proc.LiveFunc(func(context.Context, *proc.Process) error {
		return errors.New("the queue is full")
	}))
	// Output: abnormal the queue is full
}

func ExampleUnhealthyError() {
	command := shell("exec sleep 1000")
	command.Live = proc.Liveness{Interval: time.Millisecond, Failures: 2, Probe: proc.LiveFunc(
		func(context.Context, *proc.Process) error { return errors.New("no answer") })}
	exit := runOnce(command)
	fmt.Println(plain(exit.Err), errors.Is(exit.Err, sup.ErrUnhealthy))
	// Output: sh: unhealthy: failure 2 in a row: no answer true
}

// A service starts after its migration has ended with exit code 0.
func ExampleReadyDone() {
	ctx := context.Background()
	migration := shell("echo 3 tables migrated")
	migration.Ready = proc.ReadyDone()
	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
		Children: []sup.ChildSpec[*proc.Worker]{
			{ID: "migration", Start: migration.Worker, StartTimeout: time.Minute},
			{ID: "service", Start: shell("exec sleep 1000").Worker},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, up := s.Child("migration").Get()
	exit, ended := w.Process().Exit()
	fmt.Println(up, ended, exit, exit.Lines)
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// true true exit code 0 [3 tables migrated]
	// <nil>
}

// A process reports its status with the command systemd-notify or with sd_notify(3).
func ExampleStatus() {
	command := sd("STATUS=3 of 4 shards", "READY=1", "RELOADING=1", "barrier")
	s, err := sup.Start(context.Background(), sup.Spec[*proc.Worker]{
		Children: []sup.ChildSpec[*proc.Worker]{{ID: "db", Start: command.Worker}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, _ := s.Child("db").Get()
	for !w.Process().Status().Reloading {
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("%+v\n", w.Process().Status())
	fmt.Println(s.Shutdown(context.Background()))
	// Output:
	// {Text:3 of 4 shards Errno:errno 0 Reloading:true Stopping:false}
	// <nil>
}
