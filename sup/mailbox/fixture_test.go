package mailbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/mailbox"
)

var errBoom = errors.New("boom")

// fill sends messages for which there is room.
func fill[M any](t *testing.T, b *mailbox.Mailbox[M], messages ...M) {
	t.Helper()
	for _, m := range messages {
		if err := b.TrySend(m); err != nil {
			t.Fatalf("TrySend(%v): %v", m, err)
		}
	}
}

// rest takes out what is in a mailbox.
func rest[M any](b *mailbox.Mailbox[M]) []M {
	var all []M
	for {
		m, err := b.TryReceive()
		if err != nil {
			return all
		}
		all = append(all, m)
	}
}

func wantRest[M any](t *testing.T, b *mailbox.Mailbox[M], want ...M) {
	t.Helper()
	if diff := cmp.Diff(want, rest(b)); diff != "" {
		t.Errorf("in the mailbox (-want +got):\n%s", diff)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || want == nil && got != nil {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// journal is what happened, in order.
type journal struct {
	mu   sync.Mutex
	list []string
}

func (j *journal) add(words ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = append(j.list, strings.Join(words, " "))
}

// expect compares what has been written since it was last called, when all has
// settled.
func (j *journal) expect(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if diff := cmp.Diff(want, slices.Clone(j.list)); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
	j.list = nil
}

// endedContext returns a context that has ended with a cause.
func endedContext(cause error) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	return ctx
}
