// Package byhand has the code of the guide to trees by hand.
package byhand

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/httpsup"
)

// A Service has the state and the sets of its tree.
type Service struct {
	balances  kv.Context[string, int]
	customers *sup.Keyed[string, *Customer]
	tree      *sup.Supervisor[sup.Worker]
}

// NewService returns a service that has not been started.
func NewService() *Service {
	s := new(Service)
	s.customers = sup.NewKeyed(sup.KeyedSpec[string, *Customer]{
		Start:     s.newCustomer,
		Restart:   sup.Transient,
		Intensity: sup.Unlimited, // one bad customer does not end the others
		Backoff:   sup.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second},
	})
	s.tree = sup.New(sup.Spec[sup.Worker]{
		Name:      "service",
		Observers: []sup.Observer{sup.Log(nil)},
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "db", Start: sup.Adapt(newDB), Backoff: sup.Backoff{Min: time.Second}},
			{ID: "customers", Start: func(context.Context) (sup.Worker, error) { return s.customers, nil }},
			{ID: "poll", Start: sup.Every(time.Minute, s.poll)},
			{ID: "http", Start: sup.Adapt(s.newHTTP), Shutdown: 20 * time.Second},
		},
	})
	return s
}

func (s *Service) newCustomer(ctx context.Context, id string) (*Customer, error) {
	return &Customer{id: id, payments: make(chan int), done: ctx.Done(), balances: &s.balances}, nil
}

func (s *Service) newHTTP(ctx context.Context) (*httpsup.Server, error) {
	mux := http.NewServeMux()
	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(sup.Root(ctx)))) // the tree that this worker belongs to
	mux.HandleFunc("/pay/{customer}", s.pay)
	return httpsup.New(&http.Server{Addr: "localhost:8080", Handler: mux}), nil
}

// poll is called once a minute. An error is a failure of the child "poll".
func (s *Service) poll(context.Context) error {
	fmt.Println(s.balances.Len(), "customers have paid")
	return nil
}

func (s *Service) pay(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	child, err := s.customers.Ensure(ctx, r.PathValue("customer")) // the worker of this customer; started if it is not there
	if err == nil {
		err = child.Do(ctx, func(ctx context.Context, c *Customer) error { return c.Pay(ctx, 100) })
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	}
}

// A Customer is the worker of one customer.
type Customer struct {
	id       string
	payments chan int
	done     <-chan struct{} // closed when this incarnation is to stop
	balances *kv.Context[string, int]
}

// Run books payments until ctx ends.
func (c *Customer) Run(ctx context.Context) error {
	for {
		select {
		case cents := <-c.payments:
			kv.Add(c.balances, c.id, cents)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pay hands a payment to the worker.
func (c *Customer) Pay(ctx context.Context, cents int) error {
	select {
	case c.payments <- cents:
		return nil
	case <-c.done: // of the context that the start function got
		return errors.New("the worker has ended")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A DB is a connection.
type DB struct{}

func newDB(context.Context) (*DB, error) { return &DB{}, nil }

// Run waits for the end.
func (*DB) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Query asks the database.
func (*DB) Query(context.Context) error { return nil }

func (s *Service) query(ctx context.Context) error {
	db := sup.As[*DB](s.tree.Child("db")) // a typed handle of a child of a Spec[sup.Worker]
	return db.Do(ctx, func(ctx context.Context, db *DB) error { return db.Query(ctx) })
}

func (s *Service) addAtRunTime(ctx context.Context) error {
	child, err := s.tree.StartChild(ctx, sup.ChildSpec[sup.Worker]{
		ID: "report", Start: sup.Every(time.Hour, s.poll), Restart: sup.Temporary,
	})
	fmt.Println(child.Info())
	return err
}
