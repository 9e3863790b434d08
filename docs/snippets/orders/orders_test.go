package orders_test

import (
	"context"
	"errors"
	"testing"

	"github.com/espalier-go/espalier/docs/snippets/orders"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/replay"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestTheWebServerRestartsWithTheDatabase(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		spec := suptest.Inject(faults, orders.Spec())
		spec.Observers = append(spec.Observers, events)
		suptest.Start(t, spec)
		events.Expect(t, "supervisor started orders")

		faults.Crash("db", errors.New("connection lost"))
		events.Expect(t,
			"child exited db: abnormal: connection lost",
			"child restarting db after 1s",
			"child ready db #2", // a second later, in virtual time
			"child ready web #2",
		)
	})
}

func TestADatabaseThatHangsIsStuck(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		spec := suptest.Inject(faults, orders.Spec())
		spec.Observers = append(spec.Observers, events)
		s := suptest.Start(t, spec)

		release := faults.Hang("db")
		if err := s.TerminateChild(t.Context(), "db"); !errors.Is(err, sup.ErrStuck) {
			t.Error(err)
		}
		events.Expect(t, "child stuck db #1")
		release()
		events.Expect(t, "child exited db #1")
	})
}

func TestNoIncidentComesBack(t *testing.T) {
	replay.Run(t, "testdata/incidents/*", func(t *testing.T, f *suptest.Faults) sup.AnySupervisor {
		return sup.New(suptest.Inject(f, orders.Spec()))
	})
}

func TestThePriceIsRead(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		fake := &suptest.Worker{}
		s := suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{
			{ID: "reader", Start: suptest.InjectStart(suptest.NewFaults(t), startOf(fake))},
		}})
		fake.Return(errors.New("no price")) // Run returns this error
		suptest.Settle(t)
		if info, _ := s.Child("reader").Info(); info.Failures != 1 {
			t.Error(info)
		}
	})
}

func startOf(w *suptest.Worker) func(context.Context) (*suptest.Worker, error) {
	return func(context.Context) (*suptest.Worker, error) { return w, nil }
}
