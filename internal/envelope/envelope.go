// Package envelope puts values into the form in which they are stored: a version, the
// stamp of the call that wrote it, a checksum, and the encoded value.
package envelope

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Version is the version of the envelopes that Seal makes.
const Version = 1

// Overhead is the number of bytes that an envelope adds to a value.
const Overhead = 1 + 8 + 4

var table = crc32.MakeTable(crc32.Castagnoli)

// Seal returns a value in its envelope.
func Seal(stamp uint64, value []byte) []byte {
	b := make([]byte, Overhead, Overhead+len(value))
	b[0] = Version
	binary.BigEndian.PutUint64(b[1:], stamp)
	binary.BigEndian.PutUint32(b[9:], sum(b[:9], value))
	return append(b, value...)
}

// Open returns the stamp and the value of an envelope. The value is a part of b.
func Open(b []byte) (stamp uint64, value []byte, err error) {
	switch {
	case len(b) == 0:
		return 0, nil, errors.New("empty envelope")
	case b[0] != Version:
		return 0, nil, fmt.Errorf("envelope of version %d, and this program knows version %d", b[0], Version)
	case len(b) < Overhead:
		return 0, nil, fmt.Errorf("envelope of %d bytes, at least %d", len(b), Overhead)
	case binary.BigEndian.Uint32(b[9:]) != sum(b[:9], b[Overhead:]):
		return 0, nil, errors.New("wrong checksum")
	}
	return binary.BigEndian.Uint64(b[1:]), b[Overhead:], nil
}

func sum(head, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, table), table, value)
}
