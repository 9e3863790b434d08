package shop

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup/suptest"
)

// The driver accepts everything.
type accepting struct{ driver.Driver }

func (accepting) Open(string) (driver.Conn, error) { return conn{}, nil }

type conn struct{ driver.Conn }

func (conn) Close() error                               { return nil }
func (conn) Prepare(string) (driver.Stmt, error)        { return stmt{}, nil }
func (stmt) Close() error                               { return nil }
func (stmt) NumInput() int                              { return -1 }
func (stmt) Exec([]driver.Value) (driver.Result, error) { return driver.RowsAffected(1), nil }

type stmt struct{ driver.Stmt }

var register = sync.OnceFunc(func() { sql.Register("sqlite", accepting{}) })

func TestTheDatabaseOfTheShopRestarts(t *testing.T) {
	register()
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		tree := NewShop(&children{dsn: "shop.db"})
		if err := tree.Start(suptest.InjectTree(t.Context(), faults)); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, tree)
		faults.Crash("shop/db", errors.New("connection lost"))
		if _, err := tree.DB.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if info, _ := tree.DB.Info(); info.Restarts != 1 {
			t.Error(info)
		}
	})
}

func TestTheShopRunsUntilItsContextEnds(t *testing.T) {
	register()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
