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

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/kv"
)

// A contextView shows a [kv.Context] of any type.
type contextView interface {
	name() string
	// summary returns the list without its keys.
	summary() contextInfo
	// list returns the keys whose text contains part, in order.
	list(part string) contextInfo
	// watch returns the changes from now on, until ctx ends.
	watch(ctx context.Context) iter.Seq[contextChange]
}

func (h *handler) context(name string) (contextView, bool) {
	for _, c := range h.contexts {
		if c.name() == name {
			return c, true
		}
	}
	return nil, false
}

// A contextInfo is what the page shows of a context.
type contextInfo struct {
	Name   string    `json:"name"`
	Len    int       `json:"len"`
	Values bool      `json:"values"` // values are shown
	Keys   []keyInfo `json:"keys,omitempty"`
	More   bool      `json:"more,omitempty"` // the list is incomplete
}

type keyInfo struct {
	Key   string `json:"key"`
	Size  int    `json:"size"` // see sizeOf
	Value string `json:"value,omitempty"`
}

// A contextChange is one change. The value is encoded by info, and so only for the
// changes that are sent.
type contextChange struct {
	key     string
	present bool
	skipped int // changes of any key that were lost before this one
	info    func() keyInfo
}

const (
	maxKeys    = 500     // in a list
	maxScanned = 100_000 // keys that are scanned for a list
)

// A typedContext implements [contextView].
type typedContext[K comparable, V any] struct {
	called string
	c      *kv.Context[K, V]
	values bool
}

func (t *typedContext[K, V]) name() string { return t.called }
func (t *typedContext[K, V]) summary() contextInfo {
	return contextInfo{Name: t.called, Len: t.c.Len(), Values: t.values}
}

func (t *typedContext[K, V]) list(part string) contextInfo {
	type match struct {
		key  K
		text string
	}
	var found []match
	scanned := 0
	for key := range t.c.Keys() {
		if scanned++; scanned > maxScanned {
			break
		}
		if text := keyText(key); strings.Contains(text, part) {
			found = append(found, match{key, text})
		}
	}
	slices.SortFunc(found, func(a, b match) int { return compareKeys(a.key, b.key, a.text, b.text) })
	list := t.summary()
	list.More = scanned > maxScanned || len(found) > maxKeys
	for _, m := range found[:min(len(found), maxKeys)] {
		if value, ok := t.c.Get(m.key); ok {
			list.Keys = append(list.Keys, t.info(m.text, value))
		}
	}
	return list
}

func (t *typedContext[K, V]) info(key string, value V) keyInfo {
	k := keyInfo{Key: key, Size: sizeOf(value)}
	if t.values {
		k.Value = valueText(value)
	}
	return k
}

// watchBuffer is how many changes may wait for the goroutine that collects them.
const watchBuffer = 1024

func (t *typedContext[K, V]) watch(ctx context.Context) iter.Seq[contextChange] {
	changes := t.c.WatchAll(ctx, watchBuffer)
	return func(yield func(contextChange) bool) {
		for c := range changes {
			key := keyText(c.Key)
			change := contextChange{key, c.Present, c.Skipped, func() keyInfo { return t.info(key, c.Value) }}
			if !yield(change) {
				return
			}
		}
	}
}

// compareKeys compares numbers by value, and all other keys by text.
func compareKeys(a, b any, textA, textB string) int {
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

// keyText returns a key as escaped text. fmt survives a String method that panics.
// It does not follow pointers, since their values may be written concurrently.
func keyText(key any) string {
	if _, is := key.(fmt.Stringer); !is && reflect.ValueOf(key).Kind() == reflect.Pointer {
		return fmt.Sprintf("%p", key)
	}
	return clip(termtext.Text(fmt.Sprint(key)), maxValue)
}

// valueText returns a value as escaped JSON, or the reason why it cannot be encoded.
func valueText(value any) string {
	var b []byte
	var err error
	if panicked := catchPanic(func() { b, err = json.Marshal(value) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		return clip(termtext.Text(fmt.Sprintf("%T without JSON: %v", value, err)), maxValue)
	}
	return clip(string(termtext.JSON(b)), maxValue)
}

// sizeOf returns the approximate size of a value in bytes: the size of its type, its
// strings and the arrays of its slices. Other memory behind pointers and in maps is
// not counted, since it may be shared and written concurrently.
func sizeOf(value any) int {
	v := reflect.ValueOf(value)
	if !v.IsValid() {
		return 0
	}
	return int(v.Type().Size()) + extraSize(v)
}

// extraSize returns the size of a value without the size of its type.
func extraSize(v reflect.Value) int {
	size := 0
	switch v.Kind() {
	case reflect.String:
		size = v.Len()
	case reflect.Slice:
		size = v.Len() * int(v.Type().Elem().Size())
	case reflect.Interface:
		if !v.IsNil() {
			size = int(v.Elem().Type().Size()) + extraSize(v.Elem())
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			size += extraSize(f)
		}
	case reflect.Array:
		if !hasExtraSize(v.Type().Elem()) {
			break // the elements of an array of a million bytes need no scan
		}
		for i := range v.Len() {
			size += extraSize(v.Index(i))
		}
	}
	return size
}

// hasExtraSize reports whether a value of a type may be larger than its type.
func hasExtraSize(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Interface:
		return true
	case reflect.Array:
		return hasExtraSize(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if hasExtraSize(f.Type) {
				return true
			}
		}
	}
	return false
}
