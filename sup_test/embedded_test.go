package sup_test

import (
	"context"
	"errors"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// owner is a worker that embeds a supervisor and has steps of its own around it.
type owner struct {
	*sup.Supervisor[*fake]
	initialized error
	run         func(ctx context.Context) error
}

func (o *owner) Initialize(ctx context.Context) error {
	return errors.Join(o.Supervisor.Initialize(ctx), o.initialized)
}

func (o *owner) Run(ctx context.Context) error {
	if o.run != nil {
		return o.run(ctx)
	}
	return o.Supervisor.Run(ctx)
}

// S2, X8: A supervisor whose Run is never called leaves nothing running.
func TestASupervisorEndsWithTheWorkerThatEmbedsIt(t *testing.T) {
	for name, o := range map[string]owner{
		"Initialize fails": {initialized: errBoom},
		"Run is another":   {run: func(context.Context) error { return errBoom }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var tr trace
				o.Supervisor = sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{make(controls).child(&tr, "a")}})
				s := sup.New(sup.Spec[sup.Worker]{Intensity: none, Children: []sup.ChildSpec[sup.Worker]{same("owner", &o)}})
				if err := s.Run(t.Context()); !errors.Is(err, errBoom) {
					t.Errorf("Run: %v", err)
				}
				tr.expect(t, "start a, stop a")
			})
		})
	}
}
