package sup

import (
	"context"
	"encoding"
	"fmt"
	"reflect"
	"strconv"

	"github.com/espalier-go/espalier/internal/foreign"
)

// keySet returns the functions of the set that take keys as text.
func (k *Keyed[K, W]) keySet() *keySet {
	return &keySet{
		find: func(text string) *child {
			if key, err := keyOf[K](text); err == nil && keyText(key) == text {
				return k.find(key)
			}
			members := k.members.Load()
			if members == nil {
				return nil
			}
			for _, m := range members.All() { // the text of the key cannot be parsed
				if m.id() == text {
					return &m.child
				}
			}
			return nil
		},
	}
}

// addByText adds the child whose key has the given text.
func (k *Keyed[K, W]) addByText(ctx context.Context, life *core, text string) (ChildInfo, error) {
	key, err := keyOf[K](text)
	if err != nil {
		return ChildInfo{}, &CallError{"start child", joinPath(life.path, text), err}
	}
	h, err := k.StartChild(ctx, key)
	if err != nil {
		return ChildInfo{}, err
	}
	info, _ := h.Info()
	return info, nil
}

// cheapText returns the text of a key, or false if that would run code of the key's type.
func cheapText[K comparable](key K) (string, bool) {
	switch key := any(key).(type) {
	case string:
		return key, true
	case int:
		return strconv.Itoa(key), true
	}
	return "", false
}

// keyOf parses the text of a key. It is the inverse of keyText.
func keyOf[K comparable](text string) (key K, err error) {
	if u, ok := any(&key).(encoding.TextUnmarshaler); ok {
		if failure := foreign.Call(func() { err = u.UnmarshalText([]byte(text)) }); failure != nil {
			err = failureOf(failure)
		}
		err = shield(err)
	} else {
		err = setText(reflect.ValueOf(&key).Elem(), text)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", errKeyText, err)
	}
	return key, err
}

// keyText returns the text of a key. It is the id of the child.
func keyText[K comparable](key K) string {
	if text, ok := cheapText(key); ok {
		return text
	}
	if m, ok := any(key).(encoding.TextMarshaler); ok {
		var text []byte
		err := error(ErrKey)
		if foreign.Call(func() { text, err = m.MarshalText() }) == nil && err == nil {
			return string(text)
		}
	}
	return foreign.Sprint(key)
}

// setText parses text into v, which must be a string, a number or a boolean.
func setText(v reflect.Value, text string) (err error) {
	switch {
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
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
	case v.CanFloat():
		var n float64
		n, err = strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
	default:
		err = fmt.Errorf("no way to make a %v from text (give the type an UnmarshalText method)", v.Type())
	}
	return err
}
