package kv

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
)

// A Codec turns values into bytes and back. [JSON] and [Gob] return one. Package
// kv/protokv has one for messages of protocol buffers. The methods must be safe for
// concurrent use.
type Codec[V any] interface {
	Encode(value V) ([]byte, error)
	Decode(data []byte) (V, error)
}

// JSON returns the codec of package encoding/json. It is the default. Fields of structs can
// be added and removed as long as their names keep their meaning.
func JSON[V any]() Codec[V] { return jsonCodec[V]{} }

type jsonCodec[V any] struct{}

func (jsonCodec[V]) Encode(value V) ([]byte, error) { return json.Marshal(value) }

func (jsonCodec[V]) Decode(data []byte) (value V, err error) {
	err = json.Unmarshal(data, &value)
	return value, err
}

// Gob returns the codec of package encoding/gob. Each value carries a description of its
// type, so small values are larger than with [JSON].
func Gob[V any]() Codec[V] { return gobCodec[V]{} }

type gobCodec[V any] struct{}

func (gobCodec[V]) Encode(value V) ([]byte, error) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(&value); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (gobCodec[V]) Decode(data []byte) (value V, err error) {
	err = gob.NewDecoder(bytes.NewReader(data)).Decode(&value)
	return value, err
}

// A CodecError is returned when a value or a key could not be encoded or decoded. The
// stored value stays as it is.
type CodecError struct {
	Name string // of the Stored
	Key  string // text of the key
	Err  error
}

// Error returns the name, the key and Err.
func (e *CodecError) Error() string { return fmt.Sprintf("%s: value of %q: %v", e.Name, e.Key, e.Err) }

// Unwrap returns Err.
func (e *CodecError) Unwrap() error { return e.Err }
