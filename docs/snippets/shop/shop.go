// Package shop has the code of the guide to declared trees.
package shop

import (
	"context"
	"database/sql"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

//go:generate go tool supgen

// Shop is the tree. Its fields are the children, in start order.
type Shop struct {
	sup.Tree `sup:"rest_for_one,intensity=5/10s"`

	Prices kv.Context[string, int] // state that the workers share
	Orders mailbox.Mailbox[Order]  `sup:"cap=1000"` // messages that outlive the workers

	DB    sup.Child[*DB]           `sup:"shutdown=10s,backoff=100ms..30s"`
	Feeds sup.Keyed[string, *Feed] `sup:"transient,max=1000,intensity=unlimited,backoff=100ms..30s"`
	Tills sup.Replicas[*Till]      `sup:"count=4"`
	Admin *Admin                   `sup:"shutdown=30s"` // a tree below this one
}

// Admin is a tree below Shop.
type Admin struct {
	sup.Tree `sup:"one_for_all"`

	Page  sup.Child[*Page]
	Audit sup.Child[*Audit] `sup:"watchdog=10s"`
}

// children has the constructors of both trees.
type children struct{ dsn string }

func (c *children) NewDB(ctx context.Context, s *Shop) (*DB, error) {
	return openDB(ctx, c.dsn)
}

func (c *children) NewFeeds(ctx context.Context, s *Shop, key string) (*Feed, error) {
	return &Feed{symbol: key, prices: &s.Prices}, nil
}

func (c *children) NewTills(ctx context.Context, s *Shop, i int) (*Till, error) {
	db, err := s.DB.Wait(ctx) // the live *DB: it is declared before, so it is ready
	return &Till{shop: s, db: db}, err
}

func (c *children) Admin() AdminChildren { return c }

func (c *children) NewPage(context.Context, *Admin) (*Page, error)   { return &Page{}, nil }
func (c *children) NewAudit(context.Context, *Admin) (*Audit, error) { return &Audit{}, nil }

func run(ctx context.Context) error {
	shop := NewShop(&children{dsn: "shop.db"}, sup.Log(nil))
	if err := shop.Start(ctx); err != nil {
		return err
	}
	if _, err := shop.Feeds.Ensure(ctx, "ACME"); err != nil { // starts the feed if it is not there
		return err
	}
	if err := shop.Orders.Send(ctx, Order{Symbol: "ACME"}); err != nil {
		return err
	}
	<-shop.Ending() // the tree has given up, or ctx has ended
	return shop.Shutdown(context.WithoutCancel(ctx))
}

// An Order is a message to the tills.
type Order struct{ Symbol string }

// A DB is the connection to the database.
type DB struct{ db *sql.DB }

func openDB(ctx context.Context, dsn string) (*DB, error) {
	db, err := sql.Open("sqlite", dsn)
	return &DB{db}, err
}

// Run watches the connection, and fails when it is lost.
func (d *DB) Run(ctx context.Context) error {
	defer d.db.Close()
	for {
		if err := d.db.PingContext(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A Feed keeps the price of one symbol.
type Feed struct {
	symbol string
	prices *kv.Context[string, int]
}

// Run sets the price once a second.
func (f *Feed) Run(ctx context.Context) error {
	for {
		kv.Add(f.prices, f.symbol, 1)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A Till sells.
type Till struct {
	shop *Shop
	db   *DB
}

// Run processes orders until ctx ends. An order whose processing fails is delivered again.
func (t *Till) Run(ctx context.Context) error {
	return t.shop.Orders.Process(ctx, t.sell, mailbox.Policy[Order]{})
}

func (t *Till) sell(ctx context.Context, o Order) error {
	price, _ := t.shop.Prices.Get(o.Symbol)
	_, err := t.db.db.ExecContext(ctx, "insert into sold values (?, ?)", o.Symbol, price)
	return err
}

// A Page is a web page for the staff.
type Page struct{}

// Run waits for the end.
func (*Page) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// An Audit checks the books.
type Audit struct{}

// Run reports to the watchdog that it is alive.
func (*Audit) Run(ctx context.Context) error {
	for {
		sup.Beat(ctx)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
