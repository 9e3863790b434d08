// Package words is the interface of the plugins in the guide to plugins: what host and
// plugin agree on.
package words

import (
	"context"
	"errors"
	"iter"
	"strings"
)

//go:generate go tool supgen

// ErrEmpty is returned when a text is empty. It is the same error in host and plugin.
var ErrEmpty = errors.New("no text")

// Words is what a plugin implements: it counts and splits the words of a text.
//
//sup:plugin
type Words interface {
	//sup:idempotent
	Count(ctx context.Context, text string) (int, error)
	Split(ctx context.Context, text string) iter.Seq2[string, error]
}

// Counter implements Words.
type Counter struct{}

// Count implements Words.
func (Counter) Count(_ context.Context, text string) (int, error) {
	if text == "" {
		return 0, ErrEmpty
	}
	return len(strings.Fields(text)), nil
}

// Split implements Words.
func (Counter) Split(_ context.Context, text string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for word := range strings.FieldsSeq(text) {
			if !yield(word, nil) {
				return
			}
		}
	}
}
