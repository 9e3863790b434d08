package kv

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
)

// A keyCodec turns keys into text and back. Equal keys have equal texts.
type keyCodec[K comparable] struct {
	encode func(K) (string, error)
	decode func(string) (K, error)
}

// keysOf returns the codec of the keys of a type, or an error that says which types can be
// keys.
func keysOf[K comparable]() (keyCodec[K], error) {
	if c, ok := textKeys[K](); ok {
		return c, nil
	}
	t := reflect.TypeFor[K]()
	switch t.Kind() {
	case reflect.String, reflect.Bool,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return keyCodec[K]{encodeBasic[K], decodeBasic[K]}, nil
	}
	return keyCodec[K]{}, fmt.Errorf("keys of type %v have no text: use strings, integers or booleans, "+
		"or give the type the methods MarshalText and (of its pointer) UnmarshalText", t)
}

// textKeys returns the codec of keys that marshal themselves.
func textKeys[K comparable]() (keyCodec[K], bool) {
	var zero K
	_, marshals := any(zero).(encoding.TextMarshaler)
	_, unmarshals := any(&zero).(encoding.TextUnmarshaler)
	if !marshals || !unmarshals {
		return keyCodec[K]{}, false
	}
	return keyCodec[K]{
		encode: func(key K) (string, error) {
			text, err := any(key).(encoding.TextMarshaler).MarshalText()
			return string(text), err
		},
		decode: func(text string) (key K, err error) {
			err = any(&key).(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
			return key, err
		},
	}, true
}

func encodeBasic[K comparable](key K) (string, error) {
	if text, ok := any(key).(string); ok {
		return text, nil
	}
	switch v := reflect.ValueOf(key); {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	default:
		return strconv.FormatUint(v.Uint(), 10), nil
	}
}

func decodeBasic[K comparable](text string) (key K, err error) {
	switch v := reflect.ValueOf(&key).Elem(); {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(text)
		v.SetBool(b)
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	default:
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	}
	return key, err
}
