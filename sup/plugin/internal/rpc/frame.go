package rpc

import (
	"encoding/binary"
	"errors"
	"time"
)

// A frameKind is what a frame says. Each frame belongs to a call, and some to one of the
// streams of that call.
type frameKind byte

const (
	frameOpen   frameKind = iota + 1 // begins a call; has the callback, the method and the parameters
	frameResult                      // ends a call; has the error and the results
	frameCancel                      // ends the context of a call
	frameItem                        // an element of a stream
	frameEnd                         // the end of a stream
	frameCredit                      // how much more the sender of a stream may send
	frameStop                        // the receiver of a stream wants no more of it
)

// A frame is the unit of a session.
type frame struct {
	kind    frameKind
	call    uint64
	stream  uint64
	n       uint64        // credit of a frameCredit; callback of a frameOpen, 0 for the root
	timeout time.Duration // of a frameOpen; 0 if the call has no deadline
	method  string        // of a frameOpen
	body    payload
}

var errFrame = errors.New("malformed frame")

// marshal returns the bytes of a frame whose body is encoded.
func (f frame) marshal() []byte {
	b := make([]byte, 0, 1+5*binary.MaxVarintLen64+len(f.method)+len(f.body.data))
	b = append(b, byte(f.kind))
	b = binary.AppendUvarint(b, f.call)
	b = binary.AppendUvarint(b, f.stream)
	b = binary.AppendUvarint(b, f.n)
	b = binary.AppendUvarint(b, uint64(f.timeout))
	b = binary.AppendUvarint(b, uint64(len(f.method)))
	b = append(b, f.method...)
	return append(b, f.body.data...)
}

// unmarshalFrame reads a frame. Its body refers to b.
func unmarshalFrame(b []byte) (frame, error) {
	if len(b) == 0 {
		return frame{}, errFrame
	}
	f := frame{kind: frameKind(b[0])}
	b = b[1:]
	var timeout, length uint64
	for _, to := range []*uint64{&f.call, &f.stream, &f.n, &timeout, &length} {
		v, size := binary.Uvarint(b)
		if size <= 0 {
			return frame{}, errFrame
		}
		*to, b = v, b[size:]
	}
	if length > uint64(len(b)) {
		return frame{}, errFrame
	}
	f.timeout = time.Duration(timeout)
	f.method, b = string(b[:length]), b[length:]
	f.body = payload{data: b}
	return f, nil
}

// A conn carries the frames of a session. Sends are not concurrent with each other, and
// receives neither.
type conn interface {
	// send returns when the frame is on its way, which may take until the other side
	// has received others.
	send(f frame) error
	// receive returns the next frame, or an error when there will be none.
	receive() (frame, error)
}
