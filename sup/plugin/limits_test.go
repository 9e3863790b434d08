//go:build unix

package plugin_test

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/espalier-go/espalier/sup/plugin"
)

func TestTheSizeOfAMessageIsLimited(t *testing.T) {
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
			case "grpc": // only the call fails
				if status.Code(err) != codes.ResourceExhausted {
					t.Error(err)
				}
				if pid := h.pid(t); pid != before {
					t.Errorf("the plugin was restarted: process %d, then %d", before, pid)
				}
			case "netrpc":
				if _, died := errors.AsType[*plugin.DiedError](err); !died || !errors.Is(err, plugin.ErrLimit) {
					t.Error(err)
				}
				if pid := h.pid(t); pid == before {
					t.Error("the plugin was not killed")
				}
			}
		})
	}
}

func TestAPluginThatOpensTooManyConnectionsIsKilled(t *testing.T) {
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
				t.Fatal("killed within the limit")
			}
			h.tell(t.Context(), "offer 10")
			eventually(t, "the plugin is killed", func() bool {
				info, _ := h.child.Info()
				return info.Incarnation == 2 && errors.Is(info.LastExit.Err, plugin.ErrLimit)
			})
		})
	}
}

// The broker of go-plugin relies on unique ids. A second connection with one id makes it
// hang or panic.
func TestAPluginThatOpensTwoConnectionsWithOneIDIsKilled(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			h.tell(t.Context(), "offer-twice")
			eventually(t, "the plugin is killed", func() bool {
				info, _ := h.child.Info()
				return info.Incarnation == 2 && errors.Is(info.LastExit.Err, plugin.ErrLimit)
			})
		})
	}
}
