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
	"strings"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// The host opens the socket, and every incarnation inherits it. Clients can
// connect before the first one, and between two of them.
func ExampleListener() {
	ctx := context.Background()
	web, err := proc.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer web.Close() // after the supervisor has ended
	command := shell(`test $LISTEN_PID = $$ && echo "$LISTEN_FDS: $LISTEN_FDNAMES" && exec sleep 1000`)
	command.Listeners = []*proc.Listener{web.Named("web")}
	command.Ready = proc.ReadyLine(regexp.MustCompile("web"))
	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
		Children: []sup.ChildSpec[*proc.Worker]{{ID: "server", Start: command.Worker}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	w, _ := s.Child("server").Get()
	fmt.Println(w.Process().Tail())
	conn, err := net.Dial("tcp", web.Addr().String())
	fmt.Println(conn != nil, err)
	fmt.Println(s.Shutdown(ctx))
	// Output:
	// [1: web]
	// true <nil>
	// <nil>
}

func ExampleListen() {
	l, err := proc.Listen("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	_, err = proc.Listen("carrier-pigeon", "Rome")
	fmt.Println(l.Addr().Network(), err)
	// Output: udp listen carrier-pigeon Rome: unknown network, use tcp, udp or unix: unsupported operation
}

// A socket that the host has opened by itself.
func ExampleListenerOf() {
	own, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := proc.ListenerOf(own.(*net.TCPListener))
	own.Close() // the Listener has a descriptor of its own
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	fmt.Println(l.Addr().String() == own.Addr().String())
	// Output: true
}

func ExampleListener_Named() {
	l, err := proc.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	web := l.Named("web")
	fmt.Println(web.Addr() == l.Addr())
	fmt.Println(web.Name(), l.Name())
	fmt.Println(proc.Command{Path: "server", Listeners: []*proc.Listener{l.Named("a:b")}}.Validate())
	// Output:
	// true
	// web unknown
	// command "server": Listeners[0]: "a:b" is not a name of a socket: use 1 to 255 ASCII characters without a colon
}

func ExampleListener_Name() {
	l, err := proc.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	fmt.Println(l.Named("web").Name())
	// Output: web
}

func ExampleListener_Addr() {
	l, err := proc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	host, port, err := net.SplitHostPort(l.Addr().String())
	fmt.Println(host, port != "0", err)
	// Output: 127.0.0.1 true <nil>
}

// A socket in the file system goes with the Listener that has made it.
func ExampleListener_Close() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	l, err := proc.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(l.Close(), errors.Is(l.Close(), net.ErrClosed))
	_, err = os.Stat(filepath.Join(dir, "socket"))
	fmt.Println(errors.Is(err, os.ErrNotExist))
	// Output:
	// <nil> true
	// true
}

// Each socket of package net that listens is one.
func ExampleSocket() {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	socket, ok := conn.(proc.Socket)
	fmt.Println(ok, strings.HasPrefix(fmt.Sprintf("%T", socket), "*net.UDPConn"))
	// Output: true true
}
