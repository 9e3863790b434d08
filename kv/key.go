package kv

import (
	"fmt"
	"reflect"
)

// partialEquality reports whether K has values that are not equal to themselves,
// or that cannot be compared at all. Most types have none, and their keys are
// not checked.
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

// selfEqual reports whether key can be found again in a map.
func selfEqual[K comparable](key K) bool {
	return equal(key, key)
}

// equal reports whether a == b. Interfaces whose contents cannot be compared,
// for which the operator panics, are equal to nothing.
func equal[T comparable](a, b T) (eq bool) {
	defer func() {
		if recover() != nil {
			eq = false
		}
	}()
	return a == b
}

// keyText is a key as text, for errors. Nothing that is reached through the key is
// read, unless by a method of its own: its owner may be writing there.
func keyText(key any) string {
	value := reflect.ValueOf(key)
	if !value.IsValid() || !value.Comparable() { // then it may even contain itself
		return fmt.Sprintf("a %T", key)
	}
	switch key.(type) {
	case fmt.Stringer, error:
	default:
		if value.Kind() == reflect.Pointer {
			return fmt.Sprintf("%T(%p)", key, key)
		}
	}
	return fmt.Sprint(key)
}
