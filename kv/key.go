package kv

import (
	"fmt"
	"reflect"

	"github.com/espalier-go/espalier/internal/foreign"
)

// partialEquality reports whether K has values that are not equal to themselves
// or cannot be compared. Keys of all other types are not checked.
func partialEquality[K comparable]() bool {
	return partial(reflect.TypeFor[K]())
}

func partial(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Interface:
		return true
	case reflect.Array:
		return partial(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if partial(f.Type) {
				return true
			}
		}
	}
	return false
}

// selfEqual reports whether a map lookup can find key.
func selfEqual[K comparable](key K) bool {
	return equal(key, key)
}

// equal reports whether a == b. Interfaces whose contents cannot be compared,
// for which the operator panics, equal nothing.
func equal[T comparable](a, b T) (eq bool) {
	defer func() {
		if recover() != nil {
			eq = false
		}
	}()
	return a == b
}

// keyText returns a key as text for errors. It reads nothing through pointers in
// the key, except by a method of the key, because their owner may be writing.
func keyText(key any) string {
	value := reflect.ValueOf(key)
	if !value.IsValid() || !value.Comparable() { // it may even contain itself
		return fmt.Sprintf("a %T", key)
	}
	switch key.(type) {
	case fmt.Stringer, error:
	default:
		if value.Kind() == reflect.Pointer {
			return fmt.Sprintf("%T(%p)", key, key)
		}
	}
	return foreign.Sprint(key)
}
