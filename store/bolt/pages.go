package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// This file reads the pages of a bbolt file without mapping it, and finds those that
// cannot be followed safely. bbolt's own check follows them in a goroutine in which a
// page beyond the end of the file would end the program, so this check comes first. It
// knows version 2 of bbolt's format, in the byte order of the machine.

const (
	pageHeader = 16 // id 8, flags 2, count 2, overflow 4
	element    = 16 // of branches: pos 4, key 4, id 8; of leaves: flags 4, pos 4, key 4, value 4
	metaSize   = 64 // after the header; ends in a checksum of the rest

	branchPage   = 1
	leafPage     = 2
	freelistPage = 16
	bucketLeaf   = 1

	boltMagic   = 0xED0CDAED
	boltVersion = 2
)

var order = binary.NativeEndian

// A metaPage is one of the first two pages, of which that with the higher transaction is
// in force.
type metaPage struct {
	root, freelist, end, tx uint64
}

// readMetas returns the meta pages that are valid.
func readMetas(file *os.File, size int) (valid []metaPage) {
	for i := range 2 {
		b := make([]byte, metaSize)
		if _, err := file.ReadAt(b, int64(i*size+pageHeader)); err != nil {
			continue
		}
		sum := fnv.New64a()
		sum.Write(b[:metaSize-8])
		if order.Uint32(b) != boltMagic || order.Uint32(b[4:]) != boltVersion || order.Uint64(b[metaSize-8:]) != sum.Sum64() {
			continue
		}
		valid = append(valid, metaPage{order.Uint64(b[16:]), order.Uint64(b[32:]), order.Uint64(b[40:]), order.Uint64(b[48:])})
	}
	return valid
}

// A pageCheck follows all pages from a meta page.
type pageCheck struct {
	file *os.File
	size int // of a page
	meta metaPage
	seen map[uint64]bool // pages that were visited, and those that they extend to
}

func (c *pageCheck) run() error {
	c.seen = map[uint64]bool{0: true, 1: true}
	if err := c.checkFreelist(); err != nil {
		return err
	}
	return c.checkPage(c.meta.root, nil, nil)
}

func damagedPage(id uint64, format string, args ...any) error {
	return fmt.Errorf("page %d: %w: %s", id, ErrDamaged, fmt.Sprintf(format, args...))
}

// read returns a page with its extension, which nothing else may refer to.
func (c *pageCheck) read(id uint64) (page []byte, flags, count uint16, err error) {
	header := make([]byte, pageHeader)
	if id >= c.meta.end {
		return nil, 0, 0, damagedPage(id, "beyond the last page, %d", c.meta.end-1)
	}
	if _, err := c.file.ReadAt(header, int64(id)*int64(c.size)); err != nil {
		return nil, 0, 0, damagedPage(id, "%v", err)
	}
	more := uint64(order.Uint32(header[12:]))
	if got := order.Uint64(header); got != id || id+more >= c.meta.end {
		return nil, 0, 0, damagedPage(id, "its header says page %d, with %d more", got, more)
	}
	for i := id; i <= id+more; i++ {
		if c.seen[i] {
			return nil, 0, 0, damagedPage(i, "in use twice")
		}
		c.seen[i] = true
	}
	page = make([]byte, (more+1)*uint64(c.size))
	if _, err := c.file.ReadAt(page, int64(id)*int64(c.size)); err != nil {
		return nil, 0, 0, damagedPage(id, "%v", err)
	}
	return page, order.Uint16(header[8:]), order.Uint16(header[10:]), nil
}

// noFreelist is the freelist of a file whose free pages are not recorded.
const noFreelist = ^uint64(0)

func (c *pageCheck) checkFreelist() error {
	if c.meta.freelist == noFreelist {
		return nil
	}
	page, flags, count, err := c.read(c.meta.freelist)
	if err != nil {
		return err
	}
	ids, n := page[pageHeader:], uint64(count)
	if count == 0xFFFF {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if flags != freelistPage || n > uint64(len(ids)/8) {
		return damagedPage(c.meta.freelist, "flags %#x with %d free pages, want a list of free pages", flags, n)
	}
	for i := range n {
		if id := order.Uint64(ids[8*i:]); id < 2 || id >= c.meta.end {
			return damagedPage(c.meta.freelist, "page %d is listed as free", id)
		}
	}
	return nil
}

// checkPage checks a page of a bucket and what is below it. Its keys are at least low,
// and less than high unless that is nil.
func (c *pageCheck) checkPage(id uint64, low, high []byte) error {
	page, flags, count, err := c.read(id)
	if err != nil {
		return err
	}
	switch flags {
	case leafPage:
		return c.checkLeaf(id, page, count, low, high)
	case branchPage:
	default:
		return damagedPage(id, "flags %#x, want a branch or a leaf", flags)
	}
	if count == 0 {
		return damagedPage(id, "an empty branch")
	}
	keys, below := make([][]byte, count+1), make([]uint64, count)
	for i := range int(count) {
		at := pageHeader + i*element
		if at+element > len(page) {
			return damagedPage(id, "%d elements", count)
		}
		key, ok := part(page, at, order.Uint32(page[at:]), order.Uint32(page[at+4:]))
		if !ok {
			return damagedPage(id, "element %d is outside of the page", i)
		}
		keys[i], below[i] = key, order.Uint64(page[at+8:])
	}
	keys[count] = high
	for i, child := range below {
		if err := inOrder(id, i, keys, low, high); err != nil {
			return err
		}
		if err := c.checkPage(child, keys[i], keys[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// inOrder checks that key i is after the key before it, and within the bounds.
func inOrder(id uint64, i int, keys [][]byte, low, high []byte) error {
	key := keys[i]
	if i > 0 && bytes.Compare(keys[i-1], key) >= 0 || bytes.Compare(key, low) < 0 || high != nil && bytes.Compare(key, high) >= 0 {
		return damagedPage(id, "key %.40q is out of order", key)
	}
	return nil
}

// part returns the bytes from an offset to an element on.
func part(page []byte, at int, pos, length uint32) ([]byte, bool) {
	begin := uint64(at) + uint64(pos)
	if begin+uint64(length) > uint64(len(page)) {
		return nil, false
	}
	return page[begin : begin+uint64(length)], true
}

func (c *pageCheck) checkLeaf(id uint64, page []byte, count uint16, low, high []byte) error {
	keys := make([][]byte, count)
	for i := range int(count) {
		at := pageHeader + i*element
		if at+element > len(page) {
			return damagedPage(id, "%d elements", count)
		}
		pos, length := order.Uint32(page[at+4:]), order.Uint32(page[at+8:])
		key, ok := part(page, at, pos, length)
		value, valid := part(page, at, pos+length, order.Uint32(page[at+12:]))
		if !ok || !valid {
			return damagedPage(id, "element %d is outside of the page", i)
		}
		keys[i] = key
		if err := inOrder(id, i, keys, low, high); err != nil {
			return err
		}
		if order.Uint32(page[at:])&bucketLeaf != 0 {
			if err := c.checkBucket(id, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkBucket checks a bucket, which is a page, or is inline if it is small.
func (c *pageCheck) checkBucket(id uint64, value []byte) error {
	if len(value) < 16 {
		return damagedPage(id, "a bucket of %d bytes", len(value))
	}
	if root := order.Uint64(value); root != 0 {
		return c.checkPage(root, nil, nil)
	}
	inline := value[16:]
	if len(inline) < pageHeader || order.Uint16(inline[8:]) != leafPage {
		return damagedPage(id, "a bucket without a page")
	}
	return c.checkLeaf(id, inline, order.Uint16(inline[10:]), nil, nil)
}
