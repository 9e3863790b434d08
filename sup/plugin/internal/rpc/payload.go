package rpc

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"

	"google.golang.org/grpc/mem"

	"github.com/espalier-go/espalier/sup/plugin/internal/shape"
)

// A payload is a sequence of values, as bytes or, between a host and an implementation
// that share memory, as pointers to copies.
type payload struct {
	data   []byte
	values []any
	shared bool

	encoded *bytes.Buffer // that has data; nil for data that was received
}

// maxEncoded is the maximum size in bytes of what is sent at once. The receiver has a
// limit of its own.
const maxEncoded = 1<<31 - 1

// maxValues is the maximum number of values in one of a recursive type, which may have
// far more than its memory suggests.
const maxValues = 64 << 20

// A codec makes payloads.
type codec struct {
	shared bool // pass values on instead of encoding them
	limit  int  // maximum size in bytes
}

// encode makes a payload of what pointers point to.
func (c codec) encode(pointers ...any) (payload, error) {
	if c.shared {
		values := make([]any, len(pointers))
		for i, p := range pointers {
			copied := reflect.New(reflect.TypeOf(p).Elem())
			copied.Elem().Set(reflect.ValueOf(p).Elem())
			values[i] = copied.Interface()
		}
		return payload{values: values, shared: true}, nil
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if err := shape.Append(buf, min(c.limit, maxValues), pointers...); err != nil {
		buffers.Put(buf)
		return payload{}, err
	}
	if buf.Len() > c.limit {
		return payload{}, fmt.Errorf("%d bytes, more than the maximum of %d", buf.Len(), c.limit)
	}
	return payload{data: buf.Bytes(), encoded: buf}, nil
}

// buffers are used again by gRPC when a message is on its way. Those within a process are
// left to the garbage collector.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// buffer returns the bytes for gRPC, which frees them once.
func (p payload) buffer() mem.Buffer {
	if p.encoded == nil {
		return mem.SliceBuffer(p.data)
	}
	return mem.NewBuffer(&p.data, returning{p.encoded})
}

// returning is a pool of one buffer.
type returning struct{ buf *bytes.Buffer }

func (r returning) Get(int) *[]byte { return nil } // NewBuffer does not call it

func (r returning) Put(*[]byte) {
	if r.buf.Cap() <= maxPooled {
		buffers.Put(r.buf)
	}
}

// maxPooled is the largest buffer that is kept, so that one large message does not keep
// its memory.
const maxPooled = 4 << 20

// decode sets what pointers point to, and returns the rest of the payload.
func (p payload) decode(pointers ...any) (payload, error) {
	if !p.shared {
		rest, err := shape.Decode(p.data, pointers...)
		return payload{data: rest}, err
	}
	if len(pointers) > len(p.values) {
		return payload{}, fmt.Errorf("%d values instead of %d", len(p.values), len(pointers))
	}
	for i, to := range pointers {
		v := reflect.ValueOf(p.values[i]).Elem()
		if !v.Type().AssignableTo(reflect.TypeOf(to).Elem()) {
			return payload{}, fmt.Errorf("value of type %v instead of %v", v.Type(), reflect.TypeOf(to).Elem())
		}
		reflect.ValueOf(to).Elem().Set(v)
	}
	return payload{values: p.values[len(pointers):], shared: true}, nil
}

// size returns what a payload counts against the window of a stream.
func (p payload) size() int { return len(p.data) + len(p.values) + 1 }
