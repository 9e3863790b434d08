package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/bolt"
	"github.com/espalier-go/espalier/store/storetest"
)

func TestBoltKeepsTheGuarantees(t *testing.T) {
	for name, sync := range map[string]bolt.Sync{"Always": bolt.Always, "Never": bolt.Never, "Interval": bolt.Interval(time.Millisecond)} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				return open(t, filepath.Join(t.TempDir(), "s.db"), bolt.Options{Sync: sync})
			})
		})
	}
}

// open opens a store, and closes it at the end of the test.
func open(t *testing.T, path string, options bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func put(t *testing.T, s store.Store, key, value string) store.Rev {
	t.Helper()
	r, err := s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put(key, []byte(value))}})
	if err != nil {
		t.Fatal(err)
	}
	return r.Rev
}

func want(t *testing.T, s store.Store, key, value string) {
	t.Helper()
	if e, err := s.Get(t.Context(), key); err != nil || string(e.Value) != value {
		t.Errorf("%s is %.80q, %v, want %q", key, e.Value, err, value)
	}
}

func wantError(t *testing.T, what string, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("%s: %v, want an error that wraps %q", what, err, target)
		}
	}
}

// What was acknowledged is there again, with its revisions and its history. The entries
// of leases are gone.
func TestAFileOutlivesItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path, bolt.Options{})
	first := put(t, s, "a", "1")
	put(t, s, "b", "2")
	id, _, err := s.Lease(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), store.Tx{Do: []store.Op{{Key: "leased", Value: []byte("x"), Lease: id}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "a"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Get of a closed store: %v", err)
	}

	s = open(t, path, bolt.Options{})
	want(t, s, "a", "1")
	want(t, s, "leased", "")
	var seen []string
	for batch, err := range s.Watch(t.Context(), "", first) {
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Events) == 0 {
			break
		}
		for _, e := range batch.Events {
			seen = append(seen, fmt.Sprint(e.Key, e.Deleted))
		}
	}
	if got := fmt.Sprint(seen); got != "[bfalse leasedfalse leasedtrue]" {
		t.Errorf("changes since the first: %s", got)
	}
	wantError(t, "Renew of a lease of an earlier life", s.Renew(t.Context(), id), store.ErrLeaseGone)
}

func TestASecondUserOfAFileLearnsWhoHasIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path, bolt.Options{})
	_, err := bolt.Open(path, bolt.Options{})
	wantError(t, "second Open", err, store.ErrLocked)
	locked, ok := errors.AsType[*bolt.LockedError](err)
	if !ok || locked.Owner.PID != os.Getpid() || !strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Errorf("second Open: %v", err)
	}
	_, err = bolt.Open(path, bolt.Options{ReadOnly: true})
	wantError(t, "Open for reading of a file in use", err, store.ErrLocked)

	// One that waits gets the file when it is released.
	opened := make(chan error, 1)
	go func() {
		next, err := bolt.Open(path, bolt.Options{Wait: 2 * time.Minute})
		if err == nil {
			err = next.Close()
		}
		opened <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInvalidOptionsAreErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	for _, o := range []bolt.Options{{Quota: -1}, {Wait: -1}, {Sync: bolt.Interval(-1)}} {
		_, err := bolt.Open(path, o)
		wantError(t, fmt.Sprintf("%+v", o), err, store.ErrArguments)
	}
	_, err := bolt.Open("", bolt.Options{})
	wantError(t, "no path", err, store.ErrArguments)
	_, err = bolt.Open(filepath.Join(t.TempDir(), "none", "s.db"), bolt.Options{})
	wantError(t, "no directory", err, fs.ErrNotExist)
}

func TestReadingOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	_, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	wantError(t, "Open of a file that does not exist", err, fs.ErrNotExist)
	s := open(t, path, bolt.Options{})
	rev := put(t, s, "a", "1")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	for range 2 { // two at once
		r := open(t, path, bolt.Options{ReadOnly: true, Check: true})
		want(t, r, "a", "1")
		_, err := r.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("a", nil)}})
		wantError(t, "Commit", err, bolt.ErrReadOnly)
		_, _, err = r.Lease(t.Context(), time.Second)
		wantError(t, "Lease", err, bolt.ErrReadOnly)
		for batch, err := range r.Watch(t.Context(), "", rev) {
			if err != nil || batch.Rev != rev {
				t.Errorf("Watch: %v, %v", batch, err)
			}
			break
		}
	}
}

func TestAFileOfAnotherFormatStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(other, bolt.Options{})
	wantError(t, "a file of another program", err, bolt.ErrFormat)

	later := filepath.Join(dir, "later.db")
	open(t, later, bolt.Options{}).Close()
	db, err = bbolt.Open(later, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("espalier")).Put([]byte("format"), []byte("2")) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(later, bolt.Options{})
	wantError(t, "a file of a later version", err, bolt.ErrFormat)
	if !strings.Contains(err.Error(), `version "2"`) || !strings.Contains(err.Error(), later) {
		t.Errorf("a file of a later version: %v", err)
	}

	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, bytes.Repeat([]byte("text"), 10_000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(text, bolt.Options{})
	wantError(t, "a text", err, bolt.ErrDamaged)
}

func TestTheQuotaRefusesWhatDoesNotFit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "s.db"), bolt.Options{Quota: 1 << 20})
	value := strings.Repeat("x", 50_000)
	n := 0
	var err error
	for ; n < 100; n++ {
		if _, err = s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put(fmt.Sprint(n), []byte(value))}}); err != nil {
			break
		}
	}
	wantError(t, "a commit beyond the quota", err, bolt.ErrQuota)
	if n < 5 || n > 20 {
		t.Errorf("%d values of 50 kB fit in 1 MiB", n)
	}
	want(t, s, "0", value)
	for i := range n {
		if _, err := s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Delete(fmt.Sprint(i))}}); err != nil {
			t.Fatalf("deletion in a full store: %v", err)
		}
	}
	_, rev, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(t.Context(), rev); err != nil { // the history has the values too
		t.Fatal(err)
	}
	put(t, s, "again", value)
}

// A backup is whole, and is made while commits go on.
func TestABackupIsOfOneMoment(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "s.db"), bolt.Options{Sync: bolt.Never})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			n := fmt.Append(nil, i)
			if _, err := s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("a", n), store.Put("b", n)}}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 10 {
		var b bytes.Buffer
		if err := s.Backup(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprint("backup", i))
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		c := open(t, path, bolt.Options{})
		x, err := c.Get(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		want(t, c, "b", string(x.Value))
		c.Close()
	}
	close(stop)
	wg.Wait()
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Backup(failingWriter{}); !errors.Is(err, errWriter) {
		t.Errorf("Backup to a writer that fails: %v", err)
	}
}

var errWriter = errors.New("the writer fails")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errWriter }

// A file that is mostly free is compacted when it is opened. All of it is there.
func TestOpenCompactsAFileThatIsMostlyFree(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path, bolt.Options{Sync: bolt.Never})
	value := strings.Repeat("x", 100_000)
	for i := range 40 {
		put(t, s, fmt.Sprint(i), value)
	}
	for i := range 39 {
		if _, err := s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Delete(fmt.Sprint(i))}}); err != nil {
			t.Fatal(err)
		}
	}
	last := put(t, s, "last", "1")
	if err := s.Compact(t.Context(), last-1); err != nil {
		t.Fatal(err)
	}
	s.Close()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, path, bolt.Options{})
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if after.Size() > before.Size()/2 || after.Mode() != before.Mode() {
		t.Errorf("a file of %d bytes, mode %v, mostly free, has %d after Open, mode %v", before.Size(), before.Mode(), after.Size(), after.Mode())
	}
	want(t, s, "39", value)
	if e, err := s.Get(t.Context(), "last"); err != nil || e.Modified != last {
		t.Errorf("last is %v, %v", e, err)
	}
	_, err = bolt.Open(path, bolt.Options{})
	wantError(t, "second Open of a compacted file", err, store.ErrLocked)
	var b bytes.Buffer
	if err := s.Backup(&b); err != nil || b.Len() == 0 {
		t.Errorf("Backup of a compacted file: %d bytes, %v", b.Len(), err)
	}
	if next := put(t, s, "next", "1"); next != last+1 {
		t.Errorf("revision %d after %d", next, last)
	}
}
