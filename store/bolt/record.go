package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/espalier-go/espalier/store"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const entryHeader = 4 + 8 + 8 // checksum, revision, lease

// encodeEntry returns the record of an entry. Its checksum covers the key too, so that a
// record under another key is found out.
func encodeEntry(e store.Entry) []byte {
	b := make([]byte, entryHeader, entryHeader+len(e.Value))
	binary.BigEndian.PutUint64(b[4:], uint64(e.Modified))
	binary.BigEndian.PutUint64(b[12:], uint64(e.Lease))
	b = append(b, e.Value...)
	binary.BigEndian.PutUint32(b, checksum([]byte(e.Key), b[4:]))
	return b
}

// decodeEntry returns the entry of a record. Its value is a copy, because the record is a
// part of the file.
func decodeEntry(key, b []byte) (store.Entry, error) {
	if len(b) < entryHeader || binary.BigEndian.Uint32(b) != checksum(key, b[4:]) {
		return store.Entry{}, fmt.Errorf("entry %q: %w: wrong checksum", key, ErrDamaged)
	}
	return store.Entry{
		Key:      string(key),
		Value:    append([]byte{}, b[entryHeader:]...),
		Modified: store.Rev(binary.BigEndian.Uint64(b[4:])),
		Lease:    store.LeaseID(binary.BigEndian.Uint64(b[12:])),
	}, nil
}

func checksum(key, b []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, b)
}

func encodeRev(rev store.Rev) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(rev))
}

func decodeRev(b []byte) (store.Rev, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("revision %x: %w", b, ErrDamaged)
	}
	return store.Rev(binary.BigEndian.Uint64(b)), nil
}

// encodeEvents returns the record of the changes of a revision.
func encodeEvents(rev store.Rev, events []store.Event) []byte {
	size := 4
	for _, e := range events {
		size += len(e.Key) + len(e.Value) + 24
	}
	b := make([]byte, 4, size)
	for _, e := range events {
		b = binary.AppendUvarint(b, uint64(len(e.Key)))
		b = append(b, e.Key...)
		if e.Deleted {
			b = append(b, 1)
			continue
		}
		b = append(b, 0)
		b = binary.AppendVarint(b, int64(e.Lease))
		b = binary.AppendUvarint(b, uint64(len(e.Value)))
		b = append(b, e.Value...)
	}
	binary.BigEndian.PutUint32(b, checksum(encodeRev(rev), b[4:]))
	return b
}

// decodeEvents returns the changes of a revision, with copies of the values.
func decodeEvents(key, b []byte) (store.Batch, error) {
	rev, err := decodeRev(key)
	if err != nil {
		return store.Batch{}, err
	}
	damaged := fmt.Errorf("changes of revision %d: %w", rev, ErrDamaged)
	if len(b) < 4 || binary.BigEndian.Uint32(b) != checksum(key, b[4:]) {
		return store.Batch{}, damaged
	}
	r := reader{rest: b[4:]}
	batch := store.Batch{Rev: rev}
	for len(r.rest) > 0 && !r.bad {
		e := store.Event{Entry: store.Entry{Key: string(r.bytes()), Modified: rev}}
		if e.Deleted = r.flag(); !e.Deleted {
			e.Lease = store.LeaseID(r.varint())
			e.Value = append([]byte{}, r.bytes()...)
		}
		batch.Events = append(batch.Events, e)
	}
	if r.bad {
		return store.Batch{}, damaged
	}
	return batch, nil
}

// A reader reads a record. bad is set, and stays, when there is not enough of it.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}

func (r *reader) bytes() []byte {
	length, n := binary.Uvarint(r.rest)
	r.skip(n)
	if length > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:length]
	r.rest = r.rest[length:]
	return b
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) flag() bool {
	if len(r.rest) == 0 {
		r.bad = true
		return false
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b == 1
}
