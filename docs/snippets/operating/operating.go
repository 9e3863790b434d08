// Package operating has the code of the guide to operating a tree.
package operating

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func newControl(ctx context.Context) (*remote.Server, error) {
	return remote.NewServer(sup.Control(sup.Root(ctx)), remote.Config{Address: "unix:/run/orders/control.sock"}), nil
}

func spec(children ...sup.ChildSpec[sup.Worker]) sup.Spec[sup.Worker] {
	control := sup.ChildSpec[sup.Worker]{ID: "control", Start: sup.Adapt(newControl)}
	return sup.Spec[sup.Worker]{
		Name:     "orders",
		Children: append([]sup.ChildSpec[sup.Worker]{control}, children...), // the first child stops last
	}
}

func overTCP(cert, key, clients, token string) (remote.Config, error) {
	tls, err := remote.ServerTLS(cert, key, clients)
	return remote.Config{
		Address: "10.0.0.7:7300",
		TLS:     tls,
		Access: []remote.Grant{
			remote.Certificate("ops@orders.example", remote.Operator),
			remote.Token(token, "dashboard", remote.Viewer),
		},
	}, err
}

func fromGo(ctx context.Context) error {
	tree, err := remote.Dial("unix:/run/orders/control.sock") // a sup.Controller
	if err != nil {
		return err
	}
	defer tree.Close()
	info, err := tree.Child(ctx, "orders/web")
	if err != nil {
		return err
	}
	fmt.Println(info.State, info.Restarts, info.LastExit)
	return tree.Replace(ctx, sup.Target{Path: "orders/web"}) // stops it and starts it again, in one call
}

func run(ctx context.Context, spec sup.Spec[sup.Worker]) error {
	tree, err := sup.Start(ctx, spec) // ctx is the life of the tree: give it no deadline
	if err != nil {
		return err
	}
	signals, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	select {
	case <-signals.Done():
	case <-tree.Ending(): // it has given up; tree.Err() says why
	}
	stop() // a second signal kills the program
	grace, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := tree.Shutdown(grace); err != nil {
		return err // a *sup.StuckError: which children have not stopped, with their stacks
	}
	return tree.Err()
}
