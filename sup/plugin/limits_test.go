//go:build unix

package plugin_test

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/espalier-go/espalier/sup/plugin"
)

func TestAMessageOfAPluginHasALimit(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			spec := specOf(t, wire)
			spec.MaxMessage = 1 << 20
			h := start(t, spec)
			before := h.pid(t)
			if answer, err := h.tell(t.Context(), "big 1000000"); len(answer) != 1000000 {
				t.Fatal(len(answer), err)
			}
			_, err := h.tell(t.Context(), "big 1100000")
			switch wire {
			case "grpc": // the call has failed, and no more
				if status.Code(err) != codes.ResourceExhausted {
					t.Error(err)
				}
				if pid := h.pid(t); pid != before {
					t.Errorf("it was process %d, and is %d", before, pid)
				}
			case "netrpc":
				if _, died := errors.AsType[*plugin.DiedError](err); !died || !errors.Is(err, plugin.ErrLimit) {
					t.Error(err)
				}
				if pid := h.pid(t); pid == before {
					t.Error("it goes on")
				}
			}
		})
	}
}

func TestAPluginThatOpensTooManyConnectionsIsEnded(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			spec := specOf(t, wire)
			spec.MaxBrokered = 50
			h := start(t, spec)
			before := h.pid(t)
			if _, err := h.tell(t.Context(), "offer 50"); err != nil {
				t.Fatal(err)
			}
			if pid := h.pid(t); pid != before {
				t.Fatal("it was ended within the limit")
			}
			h.tell(t.Context(), "offer 10")
			eventually(t, "it is ended for that", func() bool {
				info, _ := h.child.Info()
				return info.Incarnation == 2 && errors.Is(info.LastExit.Err, plugin.ErrLimit)
			})
		})
	}
}

// go-plugin's broker takes ids for unique, and is stuck or panics where they are
// not.
func TestAPluginThatOpensTwoConnectionsOfOneIdIsEnded(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			h.tell(t.Context(), "offer-twice")
			eventually(t, "it is ended for that", func() bool {
				info, _ := h.child.Info()
				return info.Incarnation == 2 && errors.Is(info.LastExit.Err, plugin.ErrLimit)
			})
		})
	}
}
