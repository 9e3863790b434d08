package mailbox_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

// A worker may tell one of its readers to stop and start another, while the first
// finishes what it is at.
func TestAReaderTakesNothingFromAnotherOfItsIncarnation(t *testing.T) {
	for way, derive := range map[string]func(ctx context.Context) (context.Context, context.CancelFunc){
		"derived": context.WithCancel,
		"detached": func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithoutCancel(ctx))
		},
	} {
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				fill(t, &b, "a", "b")
				serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
					reader := func(name string) func(context.Context, string) error {
						return func(_ context.Context, m string) error {
							j.add(name, "begins", m)
							time.Sleep(time.Second)
							j.add(name, "ends", m)
							return nil
						}
					}
					var readers sync.WaitGroup
					defer readers.Wait()
					first, stop := derive(ctx)
					readers.Go(func() {
						err := b.Process(first, reader("first"), mailbox.Policy[string]{})
						wantError(t, "the first Process", err, context.Canceled)
					})
					time.Sleep(100 * time.Millisecond)
					stop()
					return b.Process(ctx, reader("second"), mailbox.Policy[string]{})
				})
				time.Sleep(10 * time.Second)
				j.expect(t, "first begins a", "second begins b", "first ends a", "second ends b")
				wantRest(t, &b)
			})
		})
	}
}

// The incarnations of a child are numbered anew when its supervisor is restarted.
func TestTheReplacementTakesOverThoughItsNumberIsTheSame(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		release := make(chan struct{})
		hang := true
		work := func(ctx context.Context, m string) error {
			j.add(fmt.Sprintf("%s #%d %s", sup.Path(ctx), sup.Incarnation(ctx), m))
			if hang {
				hang = false
				<-release
			}
			return nil
		}
		team := func(context.Context) (sup.Worker, error) {
			return sup.New(sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{
				ID: "w", Stuck: sup.StuckAbandon, Shutdown: time.Second,
				Start: func(context.Context) (*suptest.Worker, error) {
					return &suptest.Worker{OnRun: func(ctx context.Context) error {
						return b.Process(ctx, work, mailbox.Policy[string]{})
					}}, nil
				},
			}}}), nil
		}
		s := suptest.Start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "team", Start: team}}})
		fill(t, &b, "hangs", "next")
		synctest.Wait()
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "team"), nil)
		wantError(t, "Restart", s.RestartChild(t.Context(), "team"), nil)
		j.expect(t, "supervisor/team/w #1 hangs", "supervisor/team/w #1 hangs", "supervisor/team/w #1 next")
		close(release)
		synctest.Wait()
		wantRest(t, &b)
	})
}
