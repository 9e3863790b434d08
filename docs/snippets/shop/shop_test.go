package shop

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"
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

func TestTheShopRunsUntilItsContextEnds(t *testing.T) {
	sql.Register("sqlite", accepting{})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
