package bolt

import (
	"os"
	"path/filepath"
	"runtime"

	"go.etcd.io/bbolt"
)

// minCompact is the size below which a file is not worth a compaction.
const minCompact = 1 << 20

func compactPath(path string) string { return path + ".compact" }

// compact replaces a file that is more than half free by a compact copy. The lock is held
// throughout: the copy is locked before it takes the place of the file. If there is no
// room for the copy, the file stays as it is.
func (s *Store) compact() error {
	if runtime.GOOS == "windows" {
		return nil // an open file cannot be replaced
	}
	stats, size := s.db.Stats(), int64(0)
	err := s.db.View(func(tx *bbolt.Tx) error {
		size = tx.Size()
		return nil
	})
	free := int64(stats.FreePageN+stats.PendingPageN) * int64(s.db.Info().PageSize)
	if err != nil || size < minCompact || free <= size/2 {
		return err
	}
	if info, err := s.file.Stat(); err == nil {
		s.options.Mode = info.Mode().Perm()
	}
	name := new(compactPath(s.path))
	copied, file, err := s.copyTo(name)
	if err != nil {
		os.Remove(compactPath(s.path))
		return nil
	}
	s.db.Close() // only now, so that another process that waits for it finds the new file
	s.db, s.file, s.name = copied, file, name
	return nil
}

// copyTo makes a compact copy, and puts it in the place of the file.
func (s *Store) copyTo(name *string) (db *bbolt.DB, file *os.File, err error) {
	db, file, err = openFile(name, s.options, 1)
	if err != nil {
		return nil, nil, err
	}
	noSync := db.NoSync
	db.NoSync = true
	if err = bbolt.Compact(db, s.db, maxSize); err == nil {
		err = db.Sync()
	}
	db.NoSync = noSync
	if err == nil {
		err = os.Rename(*name, s.path)
	}
	if err != nil {
		db.Close()
		return nil, nil, err
	}
	*name = s.path
	if dir, err := os.Open(filepath.Dir(s.path)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return db, file, nil
}
