package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/bolt"
)

// filled makes a file with known values, and returns its bytes. If clean is false, the
// file looks as if its process had been killed.
func filled(t *testing.T, clean bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path, bolt.Options{Sync: bolt.Never})
	for i := range 300 {
		put(t, s, fmt.Sprintf("key/%03d", i), valueOf(i))
	}
	if clean {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func valueOf(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 100) }

// look opens a file, and fails the test if it returns a wrong value or panics. It reports
// whether the damage was noticed.
func look(t *testing.T, path, what string, options bolt.Options) (noticed bool) {
	t.Helper()
	s, err := bolt.Open(path, options)
	if err != nil {
		if !errors.Is(err, bolt.ErrDamaged) && !errors.Is(err, bolt.ErrFormat) {
			t.Errorf("%s: Open: %v", what, err)
		}
		if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error of Open does not name the file: %v", what, err)
		}
		return true
	}
	defer s.Close()
	for i := range 300 {
		e, err := s.Get(t.Context(), fmt.Sprintf("key/%03d", i))
		switch {
		case err != nil:
			noticed = true
		case e.Modified != 0 && string(e.Value) != valueOf(i):
			t.Errorf("%s: value %d is wrong: %.40q", what, i, e.Value)
		}
	}
	if list, _, err := s.List(t.Context(), ""); err != nil {
		noticed = true
	} else if len(list) != 300 && !noticed {
		t.Errorf("%s: %d entries of 300 are listed", what, len(list))
	}
	s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("key/150", []byte(valueOf(150)))}})
	for _, err := range s.Watch(t.Context(), "", 0) {
		if err != nil {
			noticed = true
		}
		break
	}
	return noticed
}

// A page that was changed is an error or changes nothing, and never a wrong value or the
// end of the program. What a process that was killed has left is checked as a whole.
func TestAFlippedBitIsNoticed(t *testing.T) {
	whole := filled(t, false)
	used := len(bytes.TrimRight(whole, "\x00"))
	random := rand.New(rand.NewPCG(1, 2))
	n := 300
	if testing.Short() {
		n = 50
	}
	path := filepath.Join(t.TempDir(), "flipped.db")
	noticed := 0
	for range n {
		damaged := bytes.Clone(whole)
		at := random.IntN(used)
		damaged[at] ^= 1 << random.IntN(8)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if look(t, path, fmt.Sprint("bit flipped in byte ", at), bolt.Options{Sync: bolt.Never}) {
			noticed++
		}
	}
	t.Logf("%d of %d flipped bits were noticed; the others were in free parts", noticed, n)
	if noticed < n/10 {
		t.Errorf("only %d of %d flipped bits were noticed", noticed, n)
	}
}

// A page that is overwritten, in a file that was closed, is noticed by a check, and by
// reading what was on it.
func TestAnOverwrittenPageIsNoticed(t *testing.T) {
	whole := filled(t, true)
	path := filepath.Join(t.TempDir(), "overwritten.db")
	size := os.Getpagesize()
	for page := 2; page < len(whole)/size; page += 3 {
		damaged := bytes.Clone(whole)
		for i := range size {
			damaged[page*size+i] = byte(page + i)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		look(t, path, fmt.Sprintf("page %d overwritten, checked", page), bolt.Options{Sync: bolt.Never, Check: true})
	}
}

func TestATruncatedFileIsNoticed(t *testing.T) {
	whole := filled(t, true)
	path := filepath.Join(t.TempDir(), "truncated.db")
	used := len(bytes.TrimRight(whole, "\x00"))
	for size := 1; size < used; size += used / 50 {
		if err := os.WriteFile(path, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if !look(t, path, fmt.Sprintf("truncated to %d bytes", size), bolt.Options{}) {
			t.Errorf("a file that was truncated to %d bytes of %d was not noticed", size, used)
		}
	}
}

// If the file shrinks while it is open, the store closes itself, and the program lives.
func TestAFileTruncatedWhileOpenClosesTheStore(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows does not let a mapped file be truncated")
	}
	for _, writes := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "s.db")
		s := open(t, path, bolt.Options{})
		for i := range 300 {
			put(t, s, fmt.Sprintf("key/%03d", i), valueOf(i))
		}
		if err := os.Truncate(path, int64(4*os.Getpagesize())); err != nil {
			t.Fatal(err)
		}
		var err error
		for i := 0; i < 300 && err == nil; i++ {
			if writes {
				_, err = s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put(fmt.Sprintf("key/%03d", i), nil)}})
			} else {
				_, err = s.Get(t.Context(), fmt.Sprintf("key/%03d", i))
			}
		}
		wantError(t, "reading what is gone", err, bolt.ErrDamaged)
		_, err = s.Get(t.Context(), "key/000")
		wantError(t, "the next call", err, store.ErrClosed, bolt.ErrDamaged)
		_, err = s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put("x", nil)}})
		wantError(t, "the next commit", err, store.ErrClosed)
		for _, err := range s.Watch(t.Context(), "", 0) {
			wantError(t, "the next watch", err, store.ErrClosed)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_, err = bolt.Open(path, bolt.Options{}) // the lock was released
		wantError(t, "the next Open", err, bolt.ErrDamaged)
	}
}
