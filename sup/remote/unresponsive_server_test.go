package remote_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/sup/remote"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// A program that inspects many trees, such as a collector of metrics, must be able to
// limit the time for each, whatever its server does.
func TestACallToASilentServerEndsAtItsDeadline(t *testing.T) {
	const begun = "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\n"
	for name, s := range map[string]struct{ first, then string }{
		"says nothing":         {"", ""},
		"begins a header":      {begun, ""},
		"goes on with headers": {begun, "X: y\r\n"},
		"is always early":      {"", "HTTP/1.1 103 Early Hints\r\n\r\n"},
		"begins a body":        {begun + "Content-Length: 1000000\r\n\r\n", ""},
		"drips a body":         {begun + "Content-Length: 1000000\r\n\r\n", "x"},
		"drips chunks":         {begun + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWire()
			l := w.listen()
			var serving sync.WaitGroup
			serving.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					serving.Go(func() {
						if _, err := c.Read(make([]byte, 1)); err != nil { // a request
							c.Close()
							return
						}
						serving.Go(func() { io.Copy(io.Discard, c) })
						drip(c, s.first, s.then)
					})
				}
			})
			defer serving.Wait()
			defer w.cut()
			defer l.Close()
			for _, d := range []remote.Dialer{{}, {Patience: time.Hour}, {Timeout: time.Hour}} {
				c := dial(t, w, d)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				begun := time.Now()
				_, err := c.Snapshot(ctx, "")
				if took := time.Since(begun); err == nil || took > 5*time.Second {
					t.Errorf("a server that %s: error %v after %v", name, err, took)
				}
				if s.then == "" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a server that %s: error %v is not a deadline", name, err)
				}
				cancel()
				c.Close()
			}
			// Without a deadline, Dialer.Timeout applies.
			c := dial(t, w, remote.Dialer{Timeout: 7 * time.Second})
			begun := time.Now()
			if _, err := c.Snapshot(context.Background(), ""); err == nil || time.Since(begun) > 7*time.Second {
				t.Errorf("a server that %s: error %v after %v", name, err, time.Since(begun))
			}
			c.Close()
		})
	}
}

// drip writes one text at once, and then another one repeatedly until the connection is
// closed.
func drip(c net.Conn, first, then string) {
	defer c.Close()
	if _, err := io.WriteString(c, first); err != nil {
		return
	}
	for then != "" {
		time.Sleep(time.Second)
		if _, err := io.WriteString(c, then); err != nil {
			return
		}
	}
	io.Copy(io.Discard, c)
}

// A few hundred compressed bytes can expand to 1 MiB of messages of two bytes each, and
// to 400 MiB when decoded.
func TestAResponseThatTakesTooMuchMemoryIsRejected(t *testing.T) {
	child, err := proto.Marshal(&pb.Supervisor{Children: []*pb.Child{{}}})
	if err != nil {
		t.Fatal(err)
	}
	within := bytes.Repeat(child, 450_000)
	answer := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), within)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		z.Write(answer)
		z.Close()
	}))
	defer server.Close()
	c, err := remote.Dialer{MaxAnswer: 1 << 20}.Dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if tree, err := c.Snapshot(t.Context(), ""); !errors.Is(err, remote.ErrProtocol) || !strings.Contains(err.Error(), "bytes of memory") {
		t.Errorf("%d children, %v", len(tree.Children), err)
	}
	large, err := remote.Dialer{MaxAnswer: 64 << 20}.Dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer large.Close()
	if tree, err := large.Snapshot(t.Context(), ""); err != nil || len(tree.Children) != 450_000 {
		t.Errorf("client with a higher limit: %d children, %v", len(tree.Children), err)
	}
}

// Programs can classify the error by its cause, without package remote.
func TestErrUnreachableWrapsItsCause(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := remote.Dial(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Snapshot(t.Context(), "")
	if !errors.Is(err, remote.ErrUnreachable) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error %v", err)
	}
	missing, err := remote.Dial("unix:" + t.TempDir() + "/control.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer missing.Close()
	if _, err := missing.Snapshot(t.Context(), ""); !errors.Is(err, remote.ErrUnreachable) || !errors.Is(err, syscall.ENOENT) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}
