//go:build unix

package systemd_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
	"github.com/espalier-go/espalier/sup/systemd"
)

// openNotifySocket opens NOTIFY_SOCKET in place of systemd. print prints the next n
// datagrams.
func openNotifySocket() (print func(n int), end func()) {
	dir, err := os.MkdirTemp("", "sd")
	if err != nil {
		panic(err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		panic(err)
	}
	os.Setenv("NOTIFY_SOCKET", conn.LocalAddr().String())
	print = func(n int) {
		b := make([]byte, 4096)
		for range n {
			n, err := conn.Read(b)
			if err != nil {
				panic(err)
			}
			fmt.Println("systemd:", strings.ReplaceAll(string(b[:n]), "\n", ", "))
		}
	}
	return print, func() {
		os.Unsetenv("NOTIFY_SOCKET")
		conn.Close()
		os.RemoveAll(dir)
	}
}

// web is a worker that listens on a socket of systemd. Each incarnation has its own
// listener.
type web struct{ net.Listener }

func newWeb(context.Context) (web, error) {
	sockets, err := systemd.Sockets()
	if err != nil {
		return web{}, err
	}
	for _, socket := range sockets {
		if socket.Name() == "web" {
			listener, err := socket.Listener()
			return web{listener}, err
		}
	}
	return web{}, fmt.Errorf("no socket %q: start web.socket", "web")
}

func (w web) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { w.Close() })()
	for {
		conn, err := w.Accept()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		fmt.Fprint(conn, "hello")
		conn.Close()
	}
}

// A program that is a service of systemd.
func Example() {
	print, end := openNotifySocket() // NOTIFY_SOCKET
	defer end()

	ctx, stop := context.WithCancel(context.Background()) // signal.NotifyContext, for SIGTERM
	defer stop()
	s, err := sup.Start(ctx, sup.Spec[web]{Children: []sup.ChildSpec[web]{{ID: "web", Start: newWeb}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		print(1)
		stop() // systemctl stop
	}()
	fmt.Println(systemd.Follow(context.Background(), s, systemd.Options{}))
	print(1)
	// Output:
	// systemd: READY=1
	// <nil>
	// systemd: STOPPING=1, STATUS=stopping
}

func ExampleNotify() {
	fmt.Println(systemd.Notify("STATUS=3 of 4 shards loaded")) // without systemd
	print, end := openNotifySocket()
	defer end()
	fmt.Println(systemd.Notify("STATUS=3 of 4 shards loaded", "EXTEND_TIMEOUT_USEC=30000000"))
	print(1)
	fmt.Println(systemd.Notify("ready"))
	// Output:
	// false <nil>
	// true <nil>
	// systemd: STATUS=3 of 4 shards loaded, EXTEND_TIMEOUT_USEC=30000000
	// false "ready" is not a message: write "NAME=value", in one line
}

func ExampleFollow() {
	print, end := openNotifySocket()
	defer end()
	s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{
		Name:         "batch",
		AutoShutdown: sup.AutoShutdownAnySignificant,
		Children: []sup.ChildSpec[sup.Worker]{{
			ID: "job", Restart: sup.Transient, Significant: true,
			Start: func(context.Context) (sup.Worker, error) { return job{}, nil },
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-s.Done()
	fmt.Println(systemd.Follow(context.Background(), s, systemd.Options{}))
	print(1)
	// Output:
	// <nil>
	// systemd: STOPPING=1, STATUS=stopping
}

type job struct{}

func (job) Run(context.Context) error { return nil }

// The program checks its own health.
func ExampleOptions() {
	print, end := openNotifySocket()
	defer end()
	os.Setenv("WATCHDOG_USEC", "20000") // WatchdogSec=20ms
	defer os.Unsetenv("WATCHDOG_USEC")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s, err := sup.Start(ctx, sup.Spec[sup.Worker]{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(systemd.Follow(context.Background(), s, systemd.Options{
		Healthy: func(context.Context) error {
			stop()
			<-s.Done() // so that Healthy is called only once
			return fmt.Errorf("the queue is full")
		},
	}))
	print(3)
	// Output:
	// <nil>
	// systemd: READY=1
	// systemd: STATUS=unhealthy: the queue is full
	// systemd: STOPPING=1, STATUS=stopping
}

// The sockets of the units web.socket and dns.socket.
func ExampleSockets() {
	sockets, err := systemd.Sockets()
	for _, socket := range sockets {
		fmt.Println(socket.Name())
	}
	fmt.Println(err)
	// Output:
	// web
	// dns
	// <nil>
}

func ExampleSocket() {
	sockets, err := systemd.Sockets()
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := sockets[0].Listener()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close() // the socket stays open
	fmt.Println(sockets[0].Name(), listener.Addr().Network())
	// Output: web tcp
}

// A socket is passed on to a child process.
func ExampleSocket_File() {
	sockets, err := systemd.Sockets()
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := proc.ListenerOf(sockets[0])
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	server := proc.Command{Path: "server", Listeners: []*proc.Listener{listener.Named(sockets[0].Name())}}
	fmt.Println(server.Listeners[0].Name(), server.Validate())
	// Output: web <nil>
}
