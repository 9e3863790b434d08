package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.etcd.io/bbolt"
)

// maxFaults is the number of faults that an error of a check lists.
const maxFaults = 10

// Check checks the whole file: the structure of its pages, and the checksum of each entry
// and change. The error wraps [ErrDamaged] and lists the first faults. Check
// reads the whole file, and commits wait meanwhile.
func (s *Store) Check(ctx context.Context) error {
	err := s.check(ctx)
	if err == nil && s.options.ReadOnly {
		err = s.guarded(func() error { return s.checkFile(ctx) })
	} else if err == nil {
		err = s.send(ctx, &request{call: func(*transaction) error { return s.checkFile(ctx) }})
	}
	if err != nil {
		return s.wrap("check", err)
	}
	return nil
}

// checkFile checks the pages first, because bbolt's check follows them in a goroutine of
// its own, in which a page that cannot be read would end the program.
func (s *Store) checkFile(ctx context.Context) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		if err := s.checkPages(tx); err != nil {
			return err
		}
		var faults []error
		add := func(err error) {
			if len(faults) < maxFaults {
				faults = append(faults, err)
			}
		}
		if err := checkRecords(ctx, tx, add); err != nil {
			return err
		}
		for err := range tx.Check() {
			add(fmt.Errorf("%w: %w", ErrDamaged, err))
		}
		return errors.Join(faults...)
	})
}

// checkPages checks the pages of a transaction, while no other writes.
func (s *Store) checkPages(tx *bbolt.Tx) error {
	size := s.db.Info().PageSize
	for _, m := range readMetas(s.file, size) {
		if m.tx == uint64(tx.ID()) {
			return (&pageCheck{file: s.file, size: size, meta: m}).run()
		}
	}
	return fmt.Errorf("meta pages: %w", ErrDamaged)
}

// checkRecords decodes every record. The error is the cause of ctx.
func checkRecords(ctx context.Context, tx *bbolt.Tx, add func(error)) error {
	n := 0
	for _, part := range []struct {
		name   []byte
		decode func(key, record []byte) error
	}{
		{entries, func(key, record []byte) error { _, err := decodeEntry(key, record); return err }},
		{history, func(key, record []byte) error { _, err := decodeEvents(key, record); return err }},
		{leased, func(_, _ []byte) error { return nil }},
	} {
		c := tx.Bucket(part.name).Cursor()
		for key, record := c.First(); key != nil; key, record = c.Next() {
			if err := part.decode(key, record); err != nil {
				add(err)
			}
			if n++; n%1000 == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// Backup writes a copy of the file to w, as it is at one moment. Open opens the copy, and
// checks it. Commits go on meanwhile, unless the file has to grow beyond 1 GiB, or beyond
// a power of two after that.
func (s *Store) Backup(w io.Writer) error {
	if err := s.check(context.Background()); err != nil {
		return s.wrap("backup", err)
	}
	var tx *bbolt.Tx
	err := s.guarded(func() (err error) {
		tx, err = s.db.Begin(false)
		return err
	})
	if err == nil {
		// No guard: w is the caller's, and what is read is the file and not the memory.
		defer tx.Rollback()
		out := &backupWriter{w: w}
		if _, err = tx.WriteTo(out); out.err != nil {
			err = out.err // bbolt does not wrap it
		}
	}
	if err != nil {
		return s.wrap("backup", err)
	}
	return nil
}

// A backupWriter remembers the error of a writer.
type backupWriter struct {
	w   io.Writer
	err error
}

func (b *backupWriter) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	if err != nil {
		b.err = err
	}
	return n, err
}
