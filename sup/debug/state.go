package debug

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/kv"
)

// A state is a context of any type.
type state interface {
	name() string
	// sum is list without the keys.
	sum() stateKeys
	// list returns the keys whose text contains part, in order.
	list(part string) stateKeys
	// watch tells changes from now on, until ctx ends.
	watch(ctx context.Context) iter.Seq[stateChange]
}

func (h *handler) state(name string) (state, bool) {
	for _, s := range h.states {
		if s.name() == name {
			return s, true
		}
	}
	return nil, false
}

// stateKeys is what the page shows of a context.
type stateKeys struct {
	Name   string     `json:"name"`
	Len    int        `json:"len"`
	Values bool       `json:"values"` // they are shown
	Keys   []stateKey `json:"keys,omitempty"`
	More   bool       `json:"more,omitempty"` // there are more than were looked at, or shown
}

type stateKey struct {
	Key   string `json:"key"`
	Size  int    `json:"size"` // see sizeOf
	Value string `json:"value,omitempty"`
}

// A stateChange is a change as it comes. Only of those that the page is told of
// is the value written.
type stateChange struct {
	key     string
	present bool
	skipped int // changes of any key that were lost before this one
	show    func() stateKey
}

const (
	maxKeys   = 500     // shown
	maxLooked = 100_000 // looked at, to show them in order
)

// typedState is a context as a state.
type typedState[K comparable, V any] struct {
	called string
	c      *kv.Context[K, V]
	values bool
}

func (s *typedState[K, V]) name() string { return s.called }
func (s *typedState[K, V]) sum() stateKeys {
	return stateKeys{Name: s.called, Len: s.c.Len(), Values: s.values}
}

func (s *typedState[K, V]) list(part string) stateKeys {
	type named struct {
		key  K
		text string
	}
	var found []named
	looked := 0
	for key := range s.c.Keys() {
		if looked++; looked > maxLooked {
			break
		}
		if text := keyText(key); strings.Contains(text, part) {
			found = append(found, named{key, text})
		}
	}
	slices.SortFunc(found, func(a, b named) int { return inOrder(a.key, b.key, a.text, b.text) })
	list := s.sum()
	list.More = looked > maxLooked || len(found) > maxKeys
	for _, n := range found[:min(len(found), maxKeys)] {
		if value, ok := s.c.Get(n.key); ok {
			list.Keys = append(list.Keys, s.key(n.text, value))
		}
	}
	return list
}

func (s *typedState[K, V]) key(text string, value V) stateKey {
	k := stateKey{Key: text, Size: sizeOf(value)}
	if s.values {
		k.Value = valueText(value)
	}
	return k
}

// watchBuffer is how many changes may wait for a message.
const watchBuffer = 1024

func (s *typedState[K, V]) watch(ctx context.Context) iter.Seq[stateChange] {
	changes := s.c.WatchAll(ctx, watchBuffer)
	return func(yield func(stateChange) bool) {
		for c := range changes {
			key := keyText(c.Key)
			change := stateChange{key, c.Present, c.Skipped, func() stateKey { return s.key(key, c.Value) }}
			if !yield(change) {
				return
			}
		}
	}
}

// inOrder compares two keys: numbers as such, all else by text.
func inOrder(a, b any, textA, textB string) int {
	va, vb := reflect.ValueOf(a), reflect.ValueOf(b)
	if va.IsValid() && vb.IsValid() && va.Type() == vb.Type() {
		switch {
		case va.CanInt():
			return cmp.Compare(va.Int(), vb.Int())
		case va.CanUint():
			return cmp.Compare(va.Uint(), vb.Uint())
		case va.CanFloat():
			return cmp.Compare(va.Float(), vb.Float())
		}
	}
	return cmp.Compare(textA, textB)
}

// keyText is a key as text. A method that makes it is the key's own; fmt copes
// with one that panics. What a pointer points to is not looked at.
func keyText(key any) string {
	if _, speaks := key.(fmt.Stringer); !speaks && reflect.ValueOf(key).Kind() == reflect.Pointer {
		return fmt.Sprintf("%p", key)
	}
	return clip(fmt.Sprint(key), maxValue)
}

// valueText is a value as JSON, or why it is not.
func valueText(value any) string {
	var b []byte
	var err error
	if panicked := survive(func() { b, err = json.Marshal(value) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		return clip(fmt.Sprintf("a %T, which cannot be written: %v", value, err), maxValue)
	}
	return clip(string(b), maxValue)
}

// sizeOf is about how many bytes a value holds itself: that of its type, and its
// strings and the arrays of its slices. What it refers to otherwise, by pointers
// and maps, is not looked at: it may be shared, and be written to at this moment.
func sizeOf(value any) int {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return 0
	}
	return int(v.Type().Size()) + heldBy(v)
}

// heldBy is what a value holds besides the bytes of its type.
func heldBy(v reflect.Value) int {
	size := 0
	switch v.Kind() {
	case reflect.String:
		size = v.Len()
	case reflect.Slice:
		size = v.Len() * int(v.Type().Elem().Size())
	case reflect.Interface:
		if !v.IsNil() {
			size = int(v.Elem().Type().Size()) + heldBy(v.Elem())
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			size += heldBy(f)
		}
	case reflect.Array:
		if !canHold(v.Type().Elem()) {
			break // a million bytes need no look each
		}
		for i := range v.Len() {
			size += heldBy(v.Index(i))
		}
	}
	return size
}

// canHold reports whether a value of a type may hold more than the bytes of it.
func canHold(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Interface:
		return true
	case reflect.Array:
		return canHold(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if canHold(f.Type) {
				return true
			}
		}
	}
	return false
}
