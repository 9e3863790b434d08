package plugin

import (
	bits "encoding/binary"
	"fmt"
	"io"
	"net"
)

// framed is a connection of net/rpc that reads what the plugin sends before
// yamux and gob do, which take what is sent to them. A frame of yamux is a header
// of 12 bytes, big endian,
//
//	version (1) | type (1) | flags (2) | stream (4) | length (4)
//
// and, if it is of data, as many bytes as length says.
type framed struct {
	net.Conn
	wire *wire

	header [12]byte
	have   int    // bytes of the header
	body   uint32 // bytes of data that belong to the last header
	stream uint32 // of that
	gobs   map[uint32]*gobs

	// opened are the streams of the plugin whose ids at the broker, the first 4
	// bytes of their data, have not come yet. It has what has.
	opened map[uint32][]byte
}

// Streams that the host has opened, in the order in which go-plugin does: those
// for control, standard output and standard error, and the one of the T.
const (
	controlStream = 1
	typeStream    = 7
)

// idSize is how many bytes an id of the broker has, little endian.
const idSize = 4

func newFramed(conn net.Conn, w *wire) *framed {
	return &framed{Conn: conn, wire: w, opened: make(map[uint32][]byte), gobs: map[uint32]*gobs{
		controlStream: {},
		typeStream:    {skip: idSize}, // the broker's answer: the id of the stream
	}}
}

// Read ends the plugin that breaks a limit, and reads nothing of that. To yamux,
// most errors are a reason to print to the standard error of the host: so
// whenever a plugin dies. It is silent where a connection is closed between two
// frames, or ends within one.
func (f *framed) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if broken := f.see(b[:n]); broken != nil {
		f.wire.exceed(broken)
		_ = f.Conn.Close()
		n, err = 0, broken
	}
	switch {
	case n > 0 || err == nil:
		return n, nil
	case f.body > 0:
		return 0, io.EOF
	}
	return 0, net.ErrClosed
}

// Write drops what cannot be written, for the same reason: the next read tells
// that the connection has ended.
func (f *framed) Write(b []byte) (int, error) {
	if _, err := f.Conn.Write(b); err != nil {
		_ = f.Conn.Close()
	}
	return len(b), nil
}

// Kinds of frames, of which 1 is an update of a window, and flags.
const (
	frameData, framePing, frameGoAway = 0, 2, 3
	flagSYN, flagFIN, flagRST         = 1, 4, 8
)

func (f *framed) see(b []byte) error {
	for len(b) > 0 {
		if f.body > 0 {
			n := min(len(b), int(min(f.body, 1<<30)))
			if err := f.seeData(b[:n]); err != nil {
				return err
			}
			f.body -= uint32(n)
			b = b[n:]
			continue
		}
		n := copy(f.header[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have == len(f.header) {
			f.have = 0
			if err := f.seeHeader(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *framed) seeHeader() error {
	version, kind := f.header[0], f.header[1]
	flags := bits.BigEndian.Uint16(f.header[2:])
	stream := bits.BigEndian.Uint32(f.header[4:])
	if version != 0 || kind > frameGoAway {
		return fmt.Errorf("%w: foreign protocol on the connection: % x", ErrUnreachable, f.header[:])
	}
	f.stream = stream
	if kind == frameData {
		f.body = bits.BigEndian.Uint32(f.header[8:])
	}
	if flags&(flagFIN|flagRST) != 0 && f.body == 0 {
		delete(f.opened, stream)
	}
	if flags&flagSYN == 0 || kind == frameGoAway {
		return nil
	}
	if kind == framePing {
		return f.wire.meter.count("questions asked")
	}
	f.opened[stream] = nil
	if len(f.opened) > f.wire.limits.brokered {
		return fmt.Errorf("%w: %d connections opened and not used", ErrLimit, len(f.opened))
	}
	return f.wire.meter.count("connections opened")
}

// seeData sees data of the current stream.
func (f *framed) seeData(b []byte) error {
	if g := f.gobs[f.stream]; g != nil {
		return g.see(b, f.wire.limits.message)
	}
	id, ok := f.opened[f.stream]
	if !ok {
		return nil
	}
	if id = append(id, b[:min(len(b), idSize-len(id))]...); len(id) < idSize {
		f.opened[f.stream] = id
		return nil
	}
	delete(f.opened, f.stream)
	return f.wire.ids.add(bits.LittleEndian.Uint32(id))
}

// gobs finds out how long the messages of a stream of gob are. Each has its
// length before it: a byte below 128, or the number of bytes that follow, as the
// complement of that, and those.
type gobs struct {
	skip int    // bytes before the first message
	body uint64 // bytes left of a message
	need int    // bytes left of a length
	size uint64
}

func (g *gobs) see(b []byte, most int) error {
	for len(b) > 0 {
		switch {
		case g.skip > 0:
			n := min(g.skip, len(b))
			g.skip, b = g.skip-n, b[n:]
			continue
		case g.body > 0:
			n := min(g.body, uint64(len(b)))
			g.body, b = g.body-n, b[n:]
			continue
		case g.need > 0:
			g.size = g.size<<8 | uint64(b[0])
			g.need--
		case b[0] < 128:
			g.size = uint64(b[0])
		default:
			g.size, g.need = 0, -int(int8(b[0]))
			if g.need > 8 {
				return fmt.Errorf("%w: foreign protocol on the connection: a length of %d bytes", ErrUnreachable, g.need)
			}
		}
		b = b[1:]
		if g.need > 0 {
			continue
		}
		if g.size > uint64(most) {
			return fmt.Errorf("%w: message of %d bytes, limit %d, see Spec.MaxMessage", ErrLimit, g.size, most)
		}
		g.body = g.size
	}
	return nil
}
