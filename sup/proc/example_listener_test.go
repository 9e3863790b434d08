//go:build linux

package proc_test

import (
	"context"
	"fmt"
	"net"
	"regexp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// The host opens the socket, and each incarnation inherits it. Clients can connect
// before the first incarnation, and between two of them.
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

// The host has opened the socket with package net.
func ExampleListenerOf() {
	own, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	l, err := proc.ListenerOf(own.(*net.TCPListener))
	own.Close() // the Listener has its own descriptor
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	fmt.Println(l.Addr().String() == own.Addr().String())
	// Output: true
}
