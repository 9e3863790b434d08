package sup_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Errors: An error text gives the path first, then the operation, then the cause. A
// path that precedes the cause is not repeated in the cause.
func TestTheTextOfAnErrorBeginsWithThePathAndNamesItOnce(t *testing.T) {
	refused := errors.New("connection refused")
	stuck := []sup.StuckChild{{Path: "shop/web"}, {Path: "shop/db"}}
	limit := sup.Intensity{Restarts: 3, Within: 5 * time.Second}
	exit := func(path string, err error) []sup.ChildExit {
		return []sup.ChildExit{{Path: path, Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: err}}}
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&sup.CallError{Op: "restart", Path: "shop/web", Err: sup.ErrNotFound}, "shop/web: restart: not found"},
		{&sup.CallError{Op: "shutdown", Err: refused}, "shutdown: connection refused"},
		{&sup.CallError{Op: "restart", Path: "shop/web"}, "shop/web: restart: <nil>"},
		{&sup.CallError{Op: "restart", Path: "shop/web", Err: &sup.StartError{Path: "shop/web", Err: refused}},
			"shop/web: restart: connection refused"},
		{&sup.CallError{Op: "restart", Path: "shop", Err: &sup.StartError{Path: "shop", Err: &sup.StartError{Path: "shop/web", Err: refused}}},
			"shop: restart: shop/web: start: connection refused"},
		{&sup.CallError{Op: "terminate", Path: "shop/web", Err: &sup.StuckError{Children: stuck[:1]}},
			"shop/web: terminate: not stopped in time"},
		{&sup.CallError{Op: "start child", Path: "shop/web", Err: &sup.SpecError{Path: "shop/web", Faults: []sup.Fault{{Path: "shop/web", Field: "ID", Problem: "is empty"}}}},
			"shop/web: start child: invalid spec: ID: is empty"},
		{&sup.StartError{Path: "shop", Err: &sup.StartError{Path: "shop/web", Err: refused}}, "shop/web: start: connection refused"},
		{&sup.StartError{Path: "shop/web", Err: fmt.Errorf("dial: %w", refused)}, "shop/web: start: dial: connection refused"},
		{&sup.StartTimeoutError{After: time.Second, Err: context.Canceled}, "not ready within 1s: context canceled"},
		{&sup.IntensityError{Path: "shop", Intensity: limit}, "shop: more than 3 restarts in 5s"},
		{&sup.IntensityError{Path: "shop", Intensity: sup.Intensity{Restarts: 1, Within: time.Second}, Exits: exit("shop/web", refused)},
			"shop: more than 1 restart in 1s; last: shop/web, abnormal: connection refused"},
		{&sup.IntensityError{Path: "shop", Intensity: limit, Exits: exit("shop/db", &sup.IntensityError{Path: "shop/db", Intensity: limit, Exits: exit("shop/db/a", refused)})},
			"shop: more than 3 restarts in 5s; last: shop/db, abnormal: more than 3 restarts in 5s; last: shop/db/a, abnormal: connection refused"},
		{&sup.StuckError{}, "not stopped in time"},
		{&sup.StuckError{Children: stuck, NotAsked: 2, Err: context.DeadlineExceeded},
			"shop/web, shop/db: not stopped in time, 2 not asked to stop yet: context deadline exceeded"},
		{&sup.SpecError{Path: "shop", Faults: []sup.Fault{{Path: "shop/web", Field: "Start", Problem: "is nil"}}}, "shop/web: invalid spec: Start: is nil"},
		{&sup.SpecError{Path: "shop", Faults: []sup.Fault{{Path: "shop/web", Field: "Start", Problem: "is nil"}, {Path: "shop", Field: "Name", Problem: "is bad"}}},
			"shop: invalid spec, 2 faults:\n\tshop/web: Start: is nil\n\tshop: Name: is bad"},
		{&sup.PanicError{Value: refused}, "panic: connection refused"},
		{&sup.UnhealthyError{Silent: 2 * time.Second, Limit: time.Second}, "unhealthy: no beat for 2s, limit 1s"},
		{&sup.StopError{Reason: sup.ReasonShutdown, Err: context.Canceled}, "shutdown of the supervisor: context canceled"},
		{&sup.StopError{Reason: sup.ReasonRound, Path: "shop/db", Err: refused}, "restart after failure of shop/db: connection refused"},
		{&sup.StopError{Reason: sup.ReasonOperator}, "termination by an operator"},
		{&sup.StopError{Reason: sup.ReasonOperator, Err: context.Canceled}, "cancellation of the start: context canceled"},
		{&sup.StopError{Reason: sup.ReasonReturn}, "return of the worker"},
		{&sup.SkippedError{After: 7}, "events skipped after number 7"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
