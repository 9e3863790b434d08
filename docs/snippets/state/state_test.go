package state

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

func TestTheDeskSellsAndAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var d Desk
		s, err := sup.Start(ctx, d.spec())
		if err != nil {
			t.Fatal(err)
		}
		d.use()
		if err := d.client(ctx); err != nil {
			t.Error(err)
		}
		if err := d.orders.Send(ctx, Order{"NONE", 1}); err != nil {
			t.Error(err)
		}
		watching, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		d.watch(watching)
		if n := d.orders.Len(); n != 0 {
			t.Error(n, "orders are left")
		}
		if info, _ := s.Child("clerk").Info(); info.Restarts != 2 {
			t.Error(info)
		}
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}
