package plugin

import (
	be "encoding/binary"
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
	gob    *gobs  // what those bytes are; nil if that is unknown
	gobs   map[uint32]*gobs
}

// Streams that the host has opened, in the order in which go-plugin does: those
// for control, standard output and standard error, and the one of the T.
const (
	controlStream = 1
	typeStream    = 7
)

func newFramed(conn net.Conn, w *wire) *framed {
	return &framed{Conn: conn, wire: w, gobs: map[uint32]*gobs{
		controlStream: {},
		typeStream:    {skip: 4}, // the broker's answer: the id of the stream
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

// Kinds of frames and a flag.
const (
	frameData, frameWindow, framePing, frameGoAway = 0, 1, 2, 3
	flagSYN                                        = 1
)

func (f *framed) see(b []byte) error {
	for len(b) > 0 {
		if f.body > 0 {
			n := min(len(b), int(min(f.body, 1<<30)))
			if f.gob != nil {
				if err := f.gob.see(b[:n], f.wire.limits.message); err != nil {
					return err
				}
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
	flags := be.BigEndian.Uint16(f.header[2:])
	stream := be.BigEndian.Uint32(f.header[4:])
	if version != 0 || kind > frameGoAway {
		return fmt.Errorf("%w: its connection speaks another protocol: % x", ErrUnreachable, f.header[:])
	}
	if kind == frameData {
		f.body = be.BigEndian.Uint32(f.header[8:])
		f.gob = f.gobs[stream]
	}
	if flags&flagSYN == 0 || kind == frameGoAway {
		return nil
	}
	if kind == framePing {
		return f.wire.meter.count("questions asked")
	}
	return f.wire.meter.count("connections opened")
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
				return fmt.Errorf("%w: its connection speaks another protocol: a length of %d bytes", ErrUnreachable, g.need)
			}
		}
		b = b[1:]
		if g.need > 0 {
			continue
		}
		if g.size > uint64(most) {
			return fmt.Errorf("%w: a message of %d bytes, where %d are the most, see Spec.MaxMessage", ErrLimit, g.size, most)
		}
		g.body = g.size
	}
	return nil
}
