package bolt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/espalier-go/espalier/store"
)

// format is the version of the file format.
const format = 1

// Names of buckets, and of keys in the bucket meta.
var (
	meta    = []byte("espalier")
	entries = []byte("entries") // by key
	history = []byte("history") // changes by revision, oldest first
	leased  = []byte("leased")  // keys of entries with leases

	formatKey = []byte("format")
	openKey   = []byte("open") // owner of a file that was not closed
)

// Open opens the store in a file, and creates the file if there is none. Only one process
// and one Store can have it open. The caller closes the store.
//
// The error wraps [store.ErrLocked] (see [LockedError]), [ErrDamaged], [ErrFormat],
// [store.ErrArguments] if an option is invalid, or an error of the file system. Nothing
// is left open then.
func Open(path string, options Options) (*Store, error) {
	if err := options.check(path); err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	s := &Store{
		path: path, options: options,
		stop: make(chan struct{}), wake: make(chan struct{}, 1), leases: make(map[store.LeaseID]*lease),
	}
	if err := s.open(); err != nil {
		return nil, s.wrap("open", err)
	}
	if !options.ReadOnly {
		s.running.Go(s.runWriter)
		if options.Sync.interval > 0 {
			s.running.Go(s.runFlusher)
		}
	}
	return s, nil
}

// open opens the file, and gets it ready for use.
func (s *Store) open() error {
	if err := s.lock(); err != nil {
		return err
	}
	err := guard(func() error {
		if err := s.inspect(); err != nil || s.options.ReadOnly {
			return err
		}
		os.Remove(compactPath(s.path)) // of a process that died while it compacted
		if err := s.compact(); err != nil {
			return err
		}
		return s.begin()
	})
	if err != nil {
		s.abandon(err)
		return err
	}
	if !s.options.ReadOnly {
		writeOwner(s.path)
	}
	return nil
}

// abandon closes the file after an error of open.
func (s *Store) abandon(err error) {
	if _, broken := err.(*brokenError); broken {
		unlock(s.file) // bbolt may hold a lock for ever
		return
	}
	s.db.Close()
}

// lock opens the file and takes its lock.
func (s *Store) lock() error {
	for begun := time.Now(); ; {
		s.name = new(s.path)
		db, file, err := openFile(s.name, s.options, max(s.options.Wait-time.Since(begun), 1))
		if err != nil {
			return s.openError(err)
		}
		// A process that compacts puts another file in the place of the one that this
		// process has waited for.
		opened, err := file.Stat()
		if err == nil {
			var named os.FileInfo
			if named, err = os.Stat(s.path); err == nil && os.SameFile(opened, named) {
				s.db, s.file = db, file
				return nil
			}
		}
		db.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// mapped is the part of the address space that is reserved for a file, so that bbolt
// need not wait for readers to map more of it. A larger file is mapped as it grows.
const mapped = 1 << 30

// growth is the number of bytes by which a file grows at least.
const growth = 1 << 20

// openFile opens the file at *name by bbolt, and returns its descriptor too. bbolt opens
// it again for a backup, under the name that it has then.
func openFile(name *string, options Options, wait time.Duration) (db *bbolt.DB, file *os.File, err error) {
	o := &bbolt.Options{
		Timeout:      wait,
		FreelistType: bbolt.FreelistMapType,
		ReadOnly:     options.ReadOnly,
		NoSync:       options.Sync.delayed(),
		OpenFile: func(_ string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(*name, flag, mode)
			if file == nil {
				file = f
			}
			return f, err
		},
	}
	if reserve {
		o.InitialMmapSize = mapped
	}
	if options.ReadOnly {
		o.Timeout = max(wait, time.Millisecond) // bbolt tries once in any case
	}
	err = guard(func() error {
		db, err = bbolt.Open(*name, cmp.Or(options.Mode, 0o600), o)
		return err
	})
	if _, broken := err.(*brokenError); broken && file != nil {
		unlock(file)
	}
	if err == nil {
		db.AllocSize = growth
	}
	return db, file, err
}

// openError returns the error of Open for one of bbolt.
func (s *Store) openError(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return &LockedError{s.path, readOwner(s.path)}
	case errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("%w: of another version of bbolt", ErrFormat)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum):
		return fmt.Errorf("%w: its first pages are not those of a bbolt file: %w", ErrDamaged, err)
	}
	return err
}

// inspect finds out whether the file is a sound one of this package.
func (s *Store) inspect() error {
	unclean := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		info, err := s.file.Stat()
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return fmt.Errorf("%w: it has %d bytes of %d", ErrDamaged, info.Size(), tx.Size())
		}
		if len(readMetas(s.file, s.db.Info().PageSize)) < 2 && !s.options.AcceptLoss {
			return fmt.Errorf("%w: one of its two meta pages is invalid, so that the last commit may be lost: "+
				"restore a backup, or set AcceptLoss", ErrDamaged)
		}
		b := tx.Bucket(meta)
		if b == nil {
			if first, _ := tx.Cursor().First(); first != nil || s.options.ReadOnly {
				return fmt.Errorf("%w: a bbolt file of another program", ErrFormat)
			}
			return nil
		}
		if v := string(b.Get(formatKey)); v != fmt.Sprint(format) {
			return fmt.Errorf("%w: version %q, and this program knows version %d", ErrFormat, v, format)
		}
		for _, name := range [][]byte{entries, history, leased} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w: the bucket %q is missing", ErrDamaged, name)
			}
		}
		unclean = b.Get(openKey) != nil
		return nil
	})
	if err == nil && (unclean || s.options.Check) {
		err = s.checkFile(context.Background())
	}
	return err
}

// begin marks the file as open, and deletes the entries of leases of earlier processes.
func (s *Store) begin() error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // has no effect after Commit
	for _, name := range [][]byte{meta, entries, history, leased} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	b := tx.Bucket(meta)
	mark, err := json.Marshal(Owner{PID: os.Getpid(), Since: time.Now()})
	if err != nil {
		return err
	}
	if err := errors.Join(b.Put(formatKey, fmt.Append(nil, format)), b.Put(openKey, mark)); err != nil {
		return err
	}
	w, err := s.newTransaction(tx)
	if err != nil {
		return err
	}
	if err := w.endLeases(); err != nil {
		return err
	}
	return tx.Commit()
}

// Close waits for the commit that is being written, flushes the file and closes it. All
// later calls return [store.ErrClosed], and so do commits that still wait. Watches end. A
// second Close has no effect.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.end != nil {
		failed := s.failed
		s.mu.Unlock()
		if failed {
			s.running.Wait()
			os.Remove(ownerPath(s.path))
		}
		return nil
	}
	s.end = store.ErrClosed
	s.stopLocked()
	s.mu.Unlock()
	s.running.Wait()
	err := guard(func() error {
		if s.options.ReadOnly {
			return s.db.Close()
		}
		err := s.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(meta).Delete(openKey) })
		return errors.Join(err, s.db.Sync(), s.db.Close())
	})
	if _, broken := err.(*brokenError); broken {
		unlock(s.file)
	}
	if !s.options.ReadOnly {
		os.Remove(ownerPath(s.path))
	}
	if err != nil {
		return s.wrap("close", err)
	}
	return nil
}

// stopLocked ends the goroutines, the leases and the watches. s.end is set.
func (s *Store) stopLocked() {
	close(s.stop)
	for _, l := range s.leases {
		l.timer.Stop()
	}
}

// A Store is a [store.Store] in a file. The package comment says what it promises beyond
// that. All methods are safe for concurrent use.
type Store struct {
	path    string
	options Options
	db      *bbolt.DB
	file    *os.File       // the descriptor of db, which has the lock
	name    *string        // the path of file, which a compaction changes
	running sync.WaitGroup // the goroutines of the store
	wake    chan struct{}  // holds a token if requests may be pending

	mu      sync.Mutex    // protects the fields below; never held while anything blocks
	end     error         // returned by all calls; set when the store was closed or has failed
	failed  bool          // set if the store has failed
	stop    chan struct{} // closed when end is set
	pending []*request    // in order
	leases  map[store.LeaseID]*lease
	changed chan struct{} // closed at the next change; nil if nothing waits for one
	dirty   bool          // set if commits have not been flushed
}
