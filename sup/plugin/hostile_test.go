//go:build unix

package plugin_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// printing returns the spec of a program that prints a line and continues.
func printing(tb testing.TB, line string) plugin.Spec[Words] {
	spec := specOf(tb, "")
	spec.Command = proc.Command{
		Path:   "/bin/sh",
		Args:   []string{"-c", `printf '%s\n' "$0"; exec sleep 3600`, line},
		Stdout: proc.Kept, Stderr: proc.Kept,
	}
	spec.Dial = plugin.Stub[Words](eitherWords{})
	spec.StartTimeout = time.Second
	return spec
}

// certificate returns a certificate in the form of a handshake.
func certificate(tb testing.TB) string {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		tb.Fatal(err)
	}
	return base64.RawStdEncoding.EncodeToString(der)
}

// mute listens on a socket, sends a greeting on each connection, and does nothing else.
// It returns the path of the socket.
func mute(tb testing.TB, greeting string) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "mute") // short enough for a socket
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, greeting)
			defer conn.Close()
		}
	}()
	tb.Cleanup(func() {
		listener.Close()
		<-done
		os.RemoveAll(dir)
	})
	return path
}

// refused checks that a line was refused with one of the expected errors.
func refused(tb testing.TB, line string, err error) {
	tb.Helper()
	failure, ok := errors.AsType[*plugin.StartError](err)
	if !ok {
		tb.Fatalf("%q: %T: %v", line, err, err)
	}
	known := []error{plugin.ErrHandshake, plugin.ErrVersion, plugin.ErrUnreachable, plugin.ErrInterface, plugin.ErrNotReady}
	if !slices.ContainsFunc(known, func(e error) bool { return errors.Is(failure, e) }) {
		tb.Errorf("%q: %v", line, err)
	}
	if errors.Is(err, sup.ErrPanic) {
		tb.Errorf("%q: %+v", line, err)
	}
}

// handshakes are invalid lines. MUTE stands for the path of a socket, and CERT for a
// certificate.
var handshakes = []string{
	"1|1|unix|/nowhere|grpc|CERT",
	"1|1|unix|/nowhere|netrpc|CERT",
	"1|1|unix|MUTE|grpc|CERT",
	"1|1|unix|MUTE|grpc|CERT|true",
	"1|1|unix|MUTE|netrpc|CERT",
	"1|1|unix|MUTE|grpc|",
	"1|1|unix|MUTE|netrpc|",
	"1|1|unix|/nowhere|grpc|AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	"1|1|unix|/nowhere|grpc|????????????????????????????????????????????????????????????????",
	"1|1|unix|/nowhere|grpc||maybe|x|y|z",
	"1|1|unix|/nowhere||",
	"1|1|unix||grpc",
	"1|1|tcp|127.0.0.1:0|grpc",
	"1|1|tcp|127.0.0.1|netrpc",
	"1|1|tcp|:::::|netrpc",
	"1|1|udp|127.0.0.1:1|grpc",
	"1|1|unix|@|grpc",
	"1|1|unix|/|grpc",
	"1|-1|unix|/nowhere|grpc",
	"1|99999999999999999999|unix|/nowhere|grpc",
	"1|1|unix|/nowhere|GRPC",
	"2|1|unix|/nowhere|grpc",
	"1|1|unix", "|||||", "", "1", "\x1b[2J", "{\"@message\":7}", "1|1|unix|" + strings.Repeat("x", 70_000),
}

func place(tb testing.TB, line string) string {
	if strings.Contains(line, "MUTE") {
		line = strings.ReplaceAll(line, "MUTE", mute(tb, ""))
	}
	if strings.Contains(line, "CERT") {
		line = strings.ReplaceAll(line, "CERT", certificate(tb))
	}
	return line
}

// A program may print anything as its handshake. It is refused by starts and replaces,
// and affects neither the host nor other plugins.
func FuzzNoHandshakeEndsTheHost(f *testing.F) {
	if testing.Short() {
		f.Skip("takes some seconds")
	}
	for i, line := range handshakes {
		f.Add(line, i%2 == 0)
		f.Add(line, i%2 != 0)
	}
	h := start(f, specOf(f, "grpc"))
	live, err := h.child.Wait(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line string, encrypted bool) {
		if strings.ContainsAny(line, "\x00") {
			t.Skip("an argument cannot contain a zero byte")
		}
		line = place(t, line)
		if len(line) > 100_000 {
			line = line[:100_000]
		}
		spec := printing(t, line)
		spec.AutoMTLS = encrypted
		refused(t, line, startErrorOf(t, spec))
		refused(t, line, live.Replace(t.Context(), spec))
		if now, ok := h.child.Get(); !ok || now != live {
			t.Errorf("%q ended another plugin", line)
		}
	})
}

// startErrorOf starts a client without a supervisor, and returns the error.
func startErrorOf(t *testing.T, spec plugin.Spec[Words]) error {
	t.Helper()
	c, err := plugin.NewSource(spec).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Terminate(t.Context(), sup.Exit{})
	return c.Initialize(t.Context())
}

func TestNoHandshakeStopsADir(t *testing.T) {
	f := newFolder(t)
	f.put("good", "grpc", "1")
	f.put("upgraded", "grpc", "1")
	w := f.watch(func(s *plugin.DirSpec[Words]) {
		of := s.Spec
		s.Spec = func(path string) (plugin.Spec[Words], bool) {
			spec, ok := of(path)
			spec.Dial = plugin.Stub[Words](eitherWords{})
			return spec, ok
		}
	})
	w.becomes("good=1 upgraded=1")
	certified := "#!/bin/sh\necho '" + place(t, "1|1|unix|/nowhere|grpc|CERT") + "'\nexec sleep 3600\n"
	f.write("bad", certified)
	f.write("upgraded", certified)
	eventually(t, "the bad plugin is quarantined, and the upgrade has failed", func() bool {
		bad, _ := w.one("bad")
		upgraded, _ := w.one("upgraded")
		return bad.Info.State == sup.StateQuarantined && errors.Is(bad.Info.LastExit.Err, plugin.ErrHandshake) &&
			errors.Is(upgraded.Failed, plugin.ErrHandshake)
	})
	for _, name := range []string{"good", "upgraded"} {
		if p, _ := w.one(name); p.Info.Incarnation != 1 || w.version(name) != "1" {
			t.Errorf("%s: %+v", name, p.Info)
		}
	}
	for _, child := range w.Snapshot().Children {
		if child.ID == "watcher" && child.Incarnation != 1 {
			t.Errorf("the watcher was started %d times", child.Incarnation)
		}
	}
}

func TestAPanicInTheSpecFunctionOfADirFailsOneFile(t *testing.T) {
	f := newFolder(t)
	f.put("bad", "grpc", "1")
	f.put("good", "grpc", "1")
	var log records
	w := f.watch(func(s *plugin.DirSpec[Words]) {
		s.Logger = log.logger(0)
		of := s.Spec
		s.Spec = func(path string) (plugin.Spec[Words], bool) {
			if filepath.Base(path) == "bad" {
				panic("no ink")
			}
			return of(path)
		}
	})
	eventually(t, "the bad plugin has failed", func() bool {
		p, _ := w.one("bad")
		return errors.Is(p.Failed, sup.ErrPanic)
	})
	if v := w.version("good"); v != "1" {
		t.Errorf("the good plugin has version %q", v)
	}
	if !strings.Contains(log.String(), "no ink") {
		t.Errorf("not in the log:\n%s", &log)
	}
}

// A descendant that has left the group of the process may serve the socket, and not
// answer.
func TestAStartEndsWithinItsTimeoutWhateverServesTheSocket(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	settings := "\x00\x00\x00\x04\x00\x00\x00\x00\x00" // the settings of HTTP/2, after which the connection is ready
	for _, c := range []struct {
		name, wire, greeting string
		encrypted            bool
	}{
		{"gRPC", "grpc", "", false},
		{"gRPC that is connected", "grpc", settings, false},
		{"gRPC that encrypts", "grpc", "", true},
		{"net/rpc", "netrpc", "", false},
		{"net/rpc that encrypts", "netrpc", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			line := fmt.Sprintf("1|1|unix|%s|%s|", mute(t, c.greeting), c.wire)
			if c.encrypted {
				line += certificate(t)
			}
			spec := printing(t, line)
			spec.AutoMTLS = c.encrypted
			if err := startErrorOf(t, spec); !errors.Is(err, plugin.ErrNotReady) {
				t.Error(err)
			}
			if n := countChildren(); n != 0 {
				t.Errorf("%d processes are running", n)
			}
		})
	}
}
