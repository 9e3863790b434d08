package plugin

import (
	bits "encoding/binary"
	"fmt"
	"io"
	"net"
)

// limitedConn is a connection of net/rpc that checks what the plugin sends before yamux
// and gob read it, which have no limits. A frame of yamux is a header of 12 bytes, big
// endian,
//
//	version (1) | type (1) | flags (2) | stream (4) | length (4)
//
// and, if the type is data, length bytes.
type limitedConn struct {
	net.Conn
	transport *transport

	header    [12]byte
	headerLen int    // bytes of header that have been read
	body      uint32 // bytes of data left of the current frame
	stream    uint32 // of the current frame
	gobs      map[uint32]*gobScanner

	// opened are the streams that the plugin has opened and whose ids, the first 4 bytes
	// of their data, are not complete. The value is the part that has been read.
	opened map[uint32][]byte
}

// Streams that the host opens. go-plugin opens one for control, two for standard output
// and standard error, and one for the T, in this order.
const (
	controlStream = 1
	typeStream    = 7
)

// idSize is the size of a broker id in bytes, little endian.
const idSize = 4

func newLimitedConn(conn net.Conn, t *transport) *limitedConn {
	return &limitedConn{Conn: conn, transport: t, opened: make(map[uint32][]byte), gobs: map[uint32]*gobScanner{
		controlStream: {},
		typeStream:    {skip: idSize}, // the broker first sends the id of the stream
	}}
}

// Read kills a plugin that exceeds a limit, and discards what it sent.
//
// yamux prints most errors to the standard error of the host, so it would print whenever
// a plugin dies. It prints nothing for the errors that Read returns: net.ErrClosed between
// two frames, and io.EOF within one.
func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if checkErr := c.check(b[:n]); checkErr != nil {
		c.transport.onExceeded(checkErr)
		_ = c.Conn.Close()
		n, err = 0, checkErr
	}
	switch {
	case n > 0 || err == nil:
		return n, nil
	case c.body > 0:
		return 0, io.EOF
	}
	return 0, net.ErrClosed
}

// Write drops what cannot be written and returns no error, because yamux would print it.
// The next Read reports that the connection has ended.
func (c *limitedConn) Write(b []byte) (int, error) {
	if _, err := c.Conn.Write(b); err != nil {
		_ = c.Conn.Close()
	}
	return len(b), nil
}

// Types and flags of frames. Type 1 updates a window.
const (
	frameData, framePing, frameGoAway = 0, 2, 3
	flagSYN, flagFIN, flagRST         = 1, 4, 8
)

// check checks the next bytes of the connection, which may be any part of its frames.
func (c *limitedConn) check(b []byte) error {
	for len(b) > 0 {
		if c.body > 0 {
			n := min(len(b), int(min(c.body, 1<<30)))
			if err := c.checkData(b[:n]); err != nil {
				return err
			}
			c.body -= uint32(n)
			b = b[n:]
			continue
		}
		n := copy(c.header[c.headerLen:], b)
		c.headerLen += n
		b = b[n:]
		if c.headerLen == len(c.header) {
			c.headerLen = 0
			if err := c.checkHeader(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *limitedConn) checkHeader() error {
	version, kind := c.header[0], c.header[1]
	flags := bits.BigEndian.Uint16(c.header[2:])
	stream := bits.BigEndian.Uint32(c.header[4:])
	if version != 0 || kind > frameGoAway {
		return fmt.Errorf("%w: not a frame of yamux: % x", ErrUnreachable, c.header[:])
	}
	c.stream = stream
	if kind == frameData {
		c.body = bits.BigEndian.Uint32(c.header[8:])
	}
	if flags&(flagFIN|flagRST) != 0 && c.body == 0 {
		delete(c.opened, stream)
	}
	if flags&flagSYN == 0 || kind == frameGoAway {
		return nil
	}
	if kind == framePing {
		return c.transport.opened.add("pings")
	}
	c.opened[stream] = nil
	if len(c.opened) > c.transport.limits.brokered {
		return fmt.Errorf("%w: %d connections opened and not used", ErrLimit, len(c.opened))
	}
	return c.transport.opened.add("connections opened")
}

// checkData checks data of the current stream.
func (c *limitedConn) checkData(b []byte) error {
	if g := c.gobs[c.stream]; g != nil {
		return g.check(b, c.transport.limits.message)
	}
	id, ok := c.opened[c.stream]
	if !ok {
		return nil
	}
	if id = append(id, b[:min(len(b), idSize-len(id))]...); len(id) < idSize {
		c.opened[c.stream] = id
		return nil
	}
	delete(c.opened, c.stream)
	return c.transport.ids.add(bits.LittleEndian.Uint32(id))
}

// gobScanner finds the lengths of the messages in a stream of gob. A length precedes
// each message. It is one byte below 128, or the number of bytes that follow, as its
// two's complement, and these bytes, big endian.
type gobScanner struct {
	skip int    // bytes left before the first message
	body uint64 // bytes left of the current message
	need int    // bytes left of the current length
	size uint64 // the part of the current length that has been read
}

// check checks that no message is longer than limit.
func (g *gobScanner) check(b []byte, limit int) error {
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
				return fmt.Errorf("%w: not a message of gob: length of %d bytes", ErrUnreachable, g.need)
			}
		}
		b = b[1:]
		if g.need > 0 {
			continue
		}
		if g.size > uint64(limit) {
			return fmt.Errorf("%w: message of %d bytes, more than %d, see Spec.MaxMessage", ErrLimit, g.size, limit)
		}
		g.body = g.size
	}
	return nil
}
