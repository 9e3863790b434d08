package remote_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// Malformed requests, each sent to a server of its own. The server must serve other
// clients afterwards, and the tree must be unchanged.

const (
	control = "/espalier.v1.Control/"
	plain   = "Content-Type: application/json\r\n"
)

// request returns the text of a request with a body.
func request(method, header, body string) string {
	return fmt.Sprintf("POST %s%s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n%s", control, method, header, len(body), body)
}

// framed returns a message in the envelope of a stream or of gRPC.
func framed(flags byte, size uint32, message string) string {
	b := binary.BigEndian.AppendUint32([]byte{flags}, size)
	return string(b) + message
}

func zipped(n int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.Copy(z, io.LimitReader(zeros{}, int64(n)))
	z.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func TestMalformedRequestsAreRejected(t *testing.T) {
	inputs := map[string]string{
		"nothing":                  "",
		"zeros":                    strings.Repeat("\x00", 10_000),
		"noise":                    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"half a request":           "POST " + control + "Snapshot HTTP/1.1\r\nHost: x\r\n",
		"half a body":              "POST " + control + "Shutdown HTTP/1.1\r\nHost: x\r\n" + plain + "Content-Length: 100\r\n\r\n{",
		"an endless header":        "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<18),
		"too many headers":         "GET / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 10_000),
		"half an HTTP/2":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00",
		"HTTP/2 and noise":         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + strings.Repeat("\xff", 1000),
		"no JSON":                  request("Shutdown", plain, "shutdown!"),
		"JSON that is too deep":    request("Shutdown", plain, strings.Repeat(`{"target":`, 10_000)),
		"other JSON":               request("Shutdown", plain, `[1,2,3]`),
		"no target":                request("TerminateChild", plain, ``),
		"an unknown method":        request("Explode", plain, `{}`),
		"no method":                request("", plain, `{}`),
		"another content":          request("Shutdown", "Content-Type: text/html\r\n", `{}`),
		"no content type":          request("Shutdown", "", `{}`),
		"an unknown compression":   request("Shutdown", plain+"Content-Encoding: rot13\r\n", `{}`),
		"a bomb":                   request("Shutdown", plain+"Content-Encoding: gzip\r\n", zipped(4<<20)),
		"no protobuf":              request("Shutdown", "Content-Type: application/proto\r\n", "\xff\xff\xff\xff"),
		"a body that is too large": request("Shutdown", plain, `{"target":{"path":"`+strings.Repeat("x", 1<<20)+`"}}`),
		"chunks without end":       "POST " + control + "Shutdown HTTP/1.1\r\nHost: x\r\n" + plain + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 200),
		"a bad timeout":            request("Snapshot", plain+"Connect-Timeout-Ms: -1\r\n", `{}`),
		"an empty frame":           request("Events", "Content-Type: application/connect+json\r\n", ""),
		"half a frame":             request("Events", "Content-Type: application/connect+json\r\n", framed(0, 100, "{")),
		"a huge frame":             request("Events", "Content-Type: application/connect+proto\r\n", framed(0, 1<<31, "")),
		"a frame with odd flags":   request("Events", "Content-Type: application/connect+json\r\n", framed(0xff, 2, "{}")),
		"a compressed frame":       request("Events", "Content-Type: application/connect+json\r\n", framed(1, 2, "{}")),
		"gRPC over HTTP/1":         request("Shutdown", "Content-Type: application/grpc\r\n", framed(0, 1<<30, "")),
		"a GET that changes":       "GET " + control + "Shutdown?encoding=json&message=%7B%7D HTTP/1.1\r\nHost: x\r\n\r\n",
		"a path with dots":         "POST /x/../espalier.v1.Control/Shutdown HTTP/1.1\r\nHost: x\r\n" + plain + "Content-Length: 2\r\n\r\n{}",
		"a page that asks":         request("Shutdown", plain+"Origin: https://example.com\r\n", `{}`),
		"a page of this host":      request("Shutdown", plain+"Sec-Fetch-Site: same-origin\r\n", `{}`),
		"tricky paths":             request("TerminateChild", plain, `{"target":{"path":"../../shop"}}`),
		"a path of one byte":       request("TerminateChild", plain, `{"target":{"path":"/"}}`),
		"percent signs":            request("TerminateChild", plain, `{"target":{"path":"shop/%2e%2e/%00%ff%"}}`),
		"a path of zeros":          request("TerminateChild", plain, `{"target":{"path":"shop/\u0000"}}`),
		"a path that is misplaced": request("Shutdown", plain, `{"path":"shop/feeds"}`),
		"a path that is misspelt":  request("Shutdown", plain, `{"target":{"pth":"shop/feeds"}}`),
		"a shutdown of nothing":    request("Shutdown", plain, `{}`),
		"one without a path":       request("Shutdown", plain, `{"target":{}}`),
		"one of two things":        request("Shutdown", plain, `{"target":{"path":"shop/feeds"},"whole":true}`),
		"no path in protobuf":      request("Shutdown", "Content-Type: application/proto\r\n", ""),
		"a look that is misspelt":  request("Status", plain, `{"pth":1}`),
		"wide numbers":             request("TerminateChild", plain, `{"target":{"path":"shop","incarnation":99999999999999}}`),
	}
	for name, input := range inputs {
		synctest.Test(t, func(t *testing.T) {
			s := startShop(t)
			defer s.end(t)
			synctest.Wait() // until the events of the start have their numbers
			before := lastEvent(t, s)
			w := newWire()
			defer serve(t, sup.Control(s), w, nil)()
			c, err := w.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go io.WriteString(c, input) // as much as is read
			answer, _ := io.ReadAll(io.LimitReader(deadlined(c, time.Minute), 1<<20))
			refused := strings.Contains(string(answer), `"error"`) || strings.Contains(string(answer), "Grpc-Message: ")
			if status, _, _ := strings.Cut(string(answer), "\r\n"); strings.Contains(status, " 200 ") && !refused {
				t.Errorf("%s: answer %q", name, answer)
			}
			c.Close()
			synctest.Wait()
			client := dial(t, w, remote.Dialer{})
			defer client.Close()
			if _, err := client.Status(t.Context(), ""); err != nil {
				t.Errorf("call after %s: %v", name, err)
			}
			if after := lastEvent(t, s); after != before {
				t.Errorf("%s changed the tree", name)
			}
		})
	}
}

func deadlined(c net.Conn, d time.Duration) net.Conn {
	c.SetDeadline(time.Now().Add(d))
	return c
}

func TestASilentConnectionIsClosed(t *testing.T) {
	for name, sent := range map[string]string{"nothing": "", "half a header": "POST / HTT", "half a body": "POST " + control + "Snapshot HTTP/1.1\r\nHost: x\r\n" + plain + "Content-Length: 10\r\n\r\n{"} {
		synctest.Test(t, func(t *testing.T) {
			s := startShop(t)
			defer s.end(t)
			w := newWire()
			defer serve(t, sup.Control(s), w, nil)()
			c, err := w.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			go io.WriteString(c, sent)
			begun := time.Now()
			io.Copy(io.Discard, c)
			if took := time.Since(begun); took > 2*remote.DefaultHeaderTimeout+remote.DefaultWriteTimeout {
				t.Errorf("%s: closed after %v", name, took)
			}
		})
	}
}

// A client that requests everything and reads nothing blocks the tree never, and the
// server no longer than the write timeout.
func TestAClientThatNeverReadsIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, func(c *remote.Config) { c.MaxStreams = 1 })()
		c, err := w.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, request("Events", "Content-Type: application/connect+json\r\n", framed(0, 2, "{}")))
		client := dial(t, w, remote.Dialer{})
		defer client.Close()
		synctest.Wait()
		r := read(client, "", 0)
		if all := r.soFar(); len(all) != 1 || !isBusy(all[0].err) {
			t.Errorf("second stream: %v", all)
		}
		begun := time.Now()
		for range 5000 { // far more than anything buffers
			if _, err := s.feeds.StartChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
			if err := s.feeds.RemoveChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("the tree was blocked for %v", took)
		}
		time.Sleep(remote.DefaultWriteTimeout + time.Second)
		r = read(client, "", sup.FromNow)
		synctest.Wait()
		s.db.fail <- errLost
		if all := r.soFar(); len(all) == 0 || all[0].err != nil {
			t.Errorf("stream after the first was closed: %v", all)
		}
		r.stop()
		for range r.items {
		}
	})
}

func isBusy(err error) bool {
	return err != nil && strings.Contains(err.Error(), remote.ErrBusy.Error())
}

func TestAClientThatReadsSlowlyReceivesTheWholeResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := sup.NewKeyed(sup.KeyedSpec[int, idle]{Name: "rooms", Start: func(context.Context, int) (idle, error) { return idle{}, nil }})
		if err := rooms.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		for n := range 2000 {
			if _, err := rooms.StartChild(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		w := newWire()
		defer serve(t, sup.Control(rooms), w, nil)()
		c, err := w.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, request("Snapshot", plain, "{}"))
		begun := time.Now()
		answer, err := http.ReadResponse(bufio.NewReader(&slow{c}), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || strings.Count(string(body), `"state"`) != 2000 {
			t.Errorf("%d bytes, %v", len(body), err)
		}
		if took := time.Since(begun); took < 2*remote.DefaultWriteTimeout {
			t.Errorf("it took only %v", took)
		}
		c.Close()
		if err := rooms.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// slow reads 16 KiB per second.
type slow struct{ net.Conn }

func (s *slow) Read(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.Conn.Read(b[:min(len(b), 16<<10)])
}

func TestConnectionsBeyondTheLimitAreRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		defer serve(t, sup.Control(s), w, func(c *remote.Config) { c.MaxConnections, c.Logger = 10, log.logger() })()
		var held []net.Conn
		for range 10_000 {
			c, err := w.dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
		client := dial(t, w, remote.Dialer{Patience: time.Minute})
		defer client.Close()
		if _, err := client.Status(t.Context(), ""); err != nil { // when those that say nothing have been closed
			t.Error(err)
		}
		for _, c := range held {
			c.Close()
		}
		if n := strings.Count(log.String(), "client rejected"); n == 0 || n > 20 {
			t.Errorf("the log has %d lines:\n%s", n, log.String())
		}
	})
}
