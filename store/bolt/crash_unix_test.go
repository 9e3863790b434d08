//go:build unix

package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/store"
	"github.com/espalier-go/espalier/store/bolt"
)

const crashWriters = 8

// writeUntilKilled is the process that the tests below kill. Each writer counts in two
// keys, which it sets in one commit, and prints each number that was acknowledged.
func writeUntilKilled(path string) {
	if limit, err := strconv.ParseUint(os.Getenv("BOLT_TEST_LIMIT"), 10, 64); err == nil {
		// A file that must not grow is what a full disk looks like to bbolt.
		signal.Ignore(syscall.SIGXFSZ)
		rlimit := syscall.Rlimit{Cur: limit, Max: limit}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &rlimit); err != nil {
			panic(err)
		}
	}
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	fmt.Println("opened")
	var out sync.Mutex
	for w := range crashWriters {
		go func() {
			n := 0
			if e, err := s.Get(context.Background(), fmt.Sprint("a/", w)); err == nil && e.Modified != 0 {
				n, _ = strconv.Atoi(string(e.Value[:10]))
			}
			for {
				// The values are large, so that a full disk is met, and half of them deletes.
				value := fmt.Appendf(nil, "%010d%s", n+1, strings.Repeat("x", rand.IntN(4000)))
				tx := store.Tx{Do: []store.Op{
					store.Put(fmt.Sprint("a/", w), value), store.Put(fmt.Sprint("b/", w), value),
					store.Put(fmt.Sprint("more/", w, "/", n%50), value),
				}}
				_, err := s.Commit(context.Background(), tx)
				out.Lock()
				if err == nil {
					n++
					fmt.Println("ack", w, n)
				} else {
					fmt.Println("err", err)
				}
				out.Unlock()
			}
		}()
	}
	select {}
}

// crash runs the process, kills it after a random time, and returns the last number that
// each writer was acknowledged, and the errors that it printed.
func crash(t *testing.T, path string, random *rand.Rand, limit string, acked map[string]int) (failed []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOLT_TEST_WRITER="+path, "BOLT_TEST_LIMIT="+limit)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, n := bufio.NewScanner(out), 1+random.IntN(200)
	for lines.Scan() {
		read(t, lines.Text(), acked, &failed)
		if n--; n == 0 {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond) // any moment of a commit
			cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the writer ended with %v: %v", err, failed)
	}
	return failed
}

func read(t *testing.T, line string, acked map[string]int, failed *[]string) {
	var w, n int
	if _, err := fmt.Sscanf(line, "ack %d %d", &w, &n); err == nil {
		if last := acked[fmt.Sprint(w)]; n != last+1 && last != 0 && n <= last {
			t.Errorf("writer %d was acknowledged %d after %d", w, n, last)
		}
		acked[fmt.Sprint(w)] = n
	} else if rest, ok := strings.CutPrefix(line, "err "); ok {
		*failed = append(*failed, rest)
	} else if line != "opened" {
		t.Errorf("the writer printed %q", line)
	}
}

// verify checks that everything acknowledged is there, and nothing half.
func verify(t *testing.T, path string, acked map[string]int) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for w := range crashWriters {
		a, err := s.Get(t.Context(), fmt.Sprint("a/", w))
		b, err2 := s.Get(t.Context(), fmt.Sprint("b/", w))
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		n := 0
		if a.Modified != 0 {
			n, _ = strconv.Atoi(string(a.Value[:10]))
		}
		last := acked[fmt.Sprint(w)]
		if n != last && n != last+1 {
			t.Errorf("writer %d was acknowledged %d, and the file has %d", w, last, n)
		}
		if string(a.Value) != string(b.Value) || a.Modified != b.Modified {
			t.Errorf("writer %d: half of a commit is there: %.10s at %d and %.10s at %d", w, a.Value, a.Modified, b.Value, b.Modified)
		}
		acked[fmt.Sprint(w)] = n
	}
}

// A writer is killed again and again, at any moment. Every acknowledged commit is there,
// and none is there by half.
func TestAKilledWriterLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	random := rand.New(rand.NewPCG(3, 4))
	acked := map[string]int{}
	kills := 60
	if testing.Short() {
		kills = 10
	}
	for range kills {
		if failed := crash(t, path, random, "", acked); len(failed) > 0 {
			t.Fatalf("commits failed: %v", failed[0])
		}
		verify(t, path, acked)
		if t.Failed() {
			return
		}
	}
	total := 0
	for _, n := range acked {
		total += n
	}
	t.Logf("%d commits over %d kills", total, kills)
}

// The same on a disk that is full. The commits that do not fit fail, and say why.
func TestAKilledWriterOnAFullDiskLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	random := rand.New(rand.NewPCG(5, 6))
	acked := map[string]int{}
	kills, refused := 60, 0
	if testing.Short() {
		kills = 10
	}
	for range kills {
		failed := crash(t, path, random, fmt.Sprint(3<<20), acked)
		for _, text := range failed {
			if !strings.Contains(text, "file too large") || !strings.Contains(text, path) {
				t.Fatalf("a commit on a full disk failed with %q", text)
			}
		}
		refused += len(failed)
		verify(t, path, acked)
		if t.Failed() {
			return
		}
	}
	if refused == 0 {
		t.Error("the disk was never full")
	}
	t.Logf("%d commits were refused", refused)
}

// A store whose disk was full goes on when there is room again.
func TestAStoreGoesOnAfterAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a small file system cannot be mounted here, which needs root: %v: %s", err, out)
	}
	defer exec.Command("umount", "-l", dir).Run()
	s := open(t, filepath.Join(dir, "s.db"), bolt.Options{})
	defer s.Close()
	put(t, s, "kept", "1")
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(filler, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	filler.Close()
	for i := 0; ; i++ {
		_, err = s.Commit(t.Context(), store.Tx{Do: []store.Op{store.Put(fmt.Sprint(i), make([]byte, 100_000))}})
		if err != nil {
			break
		}
	}
	wantError(t, "a commit on a full disk", err, syscall.ENOSPC)
	if errors.Is(err, store.ErrUnknown) {
		t.Errorf("a commit on a full disk: %v", err)
	}
	want(t, s, "kept", "1")
	if err := os.Remove(filler.Name()); err != nil {
		t.Fatal(err)
	}
	put(t, s, "after", strings.Repeat("x", 100_000))
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
