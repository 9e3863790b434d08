package remote_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
)

func TestAViewerChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		before := lastEvent(t, s)
		w := newWire()
		var log logbook
		defer serve(t, sup.Control(s), w, func(c *remote.Config) {
			c.Access, c.Logger = []remote.Grant{remote.Anyone(remote.Viewer)}, log.logger()
		})()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		ctx := t.Context()
		_, err := c.StartChild(ctx, "shop/feeds", "IBM")
		for _, err := range []error{
			err, c.TerminateChild(ctx, sup.Target{Path: "shop/db"}), c.RestartChild(ctx, sup.Target{Path: "shop/db"}),
			c.DeleteChild(ctx, sup.Target{Path: "shop/db"}), c.Shutdown(ctx, sup.Target{}),
		} {
			if !errors.Is(err, remote.ErrDenied) || !strings.Contains(err.Error(), "needs the role of operator") {
				t.Errorf("error %v", err)
			}
		}
		if _, err := c.Snapshot(ctx, ""); err != nil {
			t.Error(err)
		}
		if after := lastEvent(t, s); after != before {
			t.Error("the tree was changed")
		}
		for _, want := range []string{"op=StartChild %s path=shop/feeds/IBM", "op=TerminateChild %s path=shop/db", "op=RestartChild %s path=shop/db", "op=DeleteChild %s path=shop/db", "op=Shutdown %s path=shop"} {
			want = `level=WARN msg="operator call" ` + fmt.Sprintf(want, `client="anyone at pipe" role=viewer`) + ` took=0s result="access denied"`
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("no %s in the log:\n%s", want, log.String())
			}
		}
	})
}

func TestEachCallOfAnOperatorIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		defer serve(t, sup.Control(s), w, func(c *remote.Config) { c.Logger = log.logger() })()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "shop/db", Incarnation: 1}); err != nil {
			t.Error(err)
		}
		_ = c.DeleteChild(t.Context(), sup.Target{Path: "shop/none\nlevel=INFO"})
		if _, err := c.StartChild(t.Context(), "shop/feeds", "IBM"); err != nil {
			t.Error(err)
		}
		for _, want := range []string{
			`level=INFO msg="operator call" op=TerminateChild client="anyone at pipe" role=operator path=shop/db incarnation=1 took=0s result=done`,
			`op=DeleteChild client="anyone at pipe" role=operator path="shop/none%0Alevel=INFO" took=0s result="shop/none%0Alevel=INFO: delete: not found"`,
			`op=StartChild client="anyone at pipe" role=operator path=shop/feeds/IBM took=0s result=done`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %s in the log:\n%s", want, log.String())
			}
		}
	})
}

func TestTheServerSpeaksGRPCAndGRPCWeb(t *testing.T) {
	for name, protocol := range map[string]connecthttp.Option{"gRPC": connecthttp.WithGRPC(), "gRPC-Web": connecthttp.WithGRPCWeb()} {
		synctest.Test(t, func(t *testing.T) {
			s := startShop(t)
			defer s.end(t)
			w := newWire()
			defer serve(t, sup.Control(s), w, nil)()
			protocols := new(http.Protocols)
			protocols.SetUnencryptedHTTP2(true)
			transport := &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx) }}
			defer transport.CloseIdleConnections()
			c := espalierv1connect.NewControlClient(connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, "http://localhost", protocol)))
			answer, err := c.Child(t.Context(), &pb.ChildRequest{Path: "shop/db"})
			if err != nil || answer.GetChild().GetState() != "running" {
				t.Errorf("%s: %v, %v", name, answer, err)
			}
			_, err = c.TerminateChild(t.Context(), &pb.TerminateChildRequest{Target: &pb.Target{Path: "shop/none"}})
			connectErr, ok := errors.AsType[*connect.Error](err)
			if !ok || connectErr.Code() != connect.CodeNotFound || len(connectErr.Details()) != 1 {
				t.Errorf("%s: error %v", name, err)
			}
			events, err := c.Events(t.Context(), &pb.EventsRequest{})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []uint64{0, 1, 2} { // the first says hello
				m, err := events.Receive()
				if err != nil || m.GetEvent().GetSeq() != want {
					t.Errorf("%s: %v, %v, want event %d", name, m, err, want)
				}
			}
			events.Close()
			synctest.Wait()
		})
	}
}

// A web page can make its own host name resolve to 127.0.0.1 and send any request to
// servers there.
func TestPlainTCPRequiresALoopbackHost(t *testing.T) {
	address := serveTLS(t, nil, remote.Anyone(remote.Operator))
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{"127.0.0.1:" + port: 200, "localhost": 200, "[::1]:" + port: 200, "LocalHost:" + port: 200, "localhost.": 200, "[::1].evil.example": 403, "evil.example:" + port: 403, "localhost.evil.example": 403, "10.0.0.1": 403} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+control+"Status", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("host %s: status %d, want %d", host, answer.StatusCode, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestAnInvalidConfigurationIsRejectedWithAllProblems(t *testing.T) {
	certificate := &tls.Config{Certificates: make([]tls.Certificate, 1)}
	anyone := []remote.Grant{remote.Anyone(remote.Viewer)}
	for name, c := range map[string]struct {
		config remote.Config
		want   []string
	}{
		"nothing":                    {remote.Config{}, []string{"Address is empty"}},
		"no port":                    {remote.Config{Address: "localhost", Access: anyone}, []string{`Address "localhost": use`}},
		"no path":                    {remote.Config{Address: "unix:"}, []string{"has no path"}},
		"a long path":                {remote.Config{Address: "unix:/" + strings.Repeat("x", 200)}, []string{"use a shorter one"}},
		"all interfaces":             {remote.Config{Address: ":1", Access: anyone}, []string{"TLS is nil", "Access grants to Anyone"}},
		"another machine's name":     {remote.Config{Address: "example.com:1", Access: anyone}, []string{"TLS is nil"}},
		"no access":                  {remote.Config{Address: "localhost:1"}, []string{"Access is empty"}},
		"a token without TLS":        {remote.Config{Address: "localhost:1", Access: []remote.Grant{remote.Token(secret, "x", remote.Viewer)}}, []string{"but TLS is nil"}},
		"a user over TCP":            {remote.Config{Address: "localhost:1", Access: []remote.Grant{remote.User(1, remote.Viewer)}}, []string{"by User or Group, but the server uses TCP"}},
		"an old TLS":                 {remote.Config{Address: "localhost:1", Access: anyone, TLS: &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: certificate.Certificates}}, []string{"MaxVersion is TLS 1.2"}},
		"a way round":                {remote.Config{Address: "localhost:1", Access: anyone, TLS: &tls.Config{Certificates: certificate.Certificates, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }}}, []string{"GetConfigForClient"}},
		"nobody to sign":             {remote.Config{Address: ":1", TLS: certificate, Access: []remote.Grant{remote.Certificate("x", remote.Viewer)}}, []string{"ClientCAs is nil"}},
		"no name":                    {remote.Config{Address: ":1", TLS: certificate, Access: []remote.Grant{remote.Certificate("", remote.Viewer), remote.Token(secret, "", remote.Viewer)}}, []string{"Certificate has an empty name", "Token has an empty name"}},
		"TLS over a unix socket":     {remote.Config{Address: "unix:/x", TLS: certificate}, []string{"TLS is set, but Address is a unix socket"}},
		"a mode that is more":        {remote.Config{Address: "unix:/x", Mode: 0o4600 | 1<<31}, []string{"more than permission bits"}},
		"negative numbers":           {remote.Config{Address: "unix:/x", MaxConnections: -1, MaxCalls: -1, MaxAnswers: -1, MaxRequest: -1, Heartbeat: -1, Grace: -1}, []string{"MaxConnections -1", "MaxCalls -1", "MaxAnswers -1", "MaxRequest", "Heartbeat", "Grace"}},
		"a controller that is nil":   {remote.Config{Address: "unix:/x"}, []string{"nil controller"}},
		"a listener for all":         {remote.Config{Listener: listenOnAllInterfaces(t), Access: anyone}, []string{"TLS is nil", "Access grants to Anyone"}},
		"an address that is in use?": {remote.Config{Address: "203.0.113.1:1", TLS: certificate, Access: []remote.Grant{remote.Token(secret, "x", remote.Viewer)}}, []string{"203.0.113.1:1: listen: "}},
	} {
		controller := sup.Control(sup.New(sup.Spec[idle]{}))
		if strings.Contains(name, "nil") {
			controller = nil
		}
		err := remote.Serve(t.Context(), controller, c.config)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in: %v", name, want, err)
			}
		}
	}
}

// listenOnAllInterfaces returns a listener that other machines can reach.
func listenOnAllInterfaces(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestDeniedCallsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		defer serve(t, sup.Control(s), w, func(c *remote.Config) {
			c.Access, c.Logger = []remote.Grant{remote.Anyone(remote.Viewer)}, log.logger()
		})()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		for range 1000 {
			_ = c.TerminateChild(t.Context(), sup.Target{Path: "shop/db"})
		}
		if n := strings.Count(log.String(), "op=TerminateChild"); n != 20 {
			t.Errorf("%d lines", n)
		}
		time.Sleep(time.Second)
		_ = c.TerminateChild(t.Context(), sup.Target{Path: "shop/feeds"})
		if want := `path=shop/feeds took=0s result="access denied" suppressed=980`; !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log:\n%s", want, log.String())
		}
	})
}

// A log handler need not escape text. That of JSON does not escape all characters that
// control a terminal, and a client chooses the text.
func TestTheLogOfACallIsSafeForTerminals(t *testing.T) {
	const hostile = "\x1b[2J\u009b31m\u202e\n"
	logOf := func(token string) (log *logbook) {
		log = new(logbook)
		address, trust := serveTokens(t, sup.Control(sup.New(sup.Spec[idle]{Name: "tree"})), func(c *remote.Config) {
			c.Logger = slog.New(slog.NewJSONHandler(log, nil))
			c.Access = append(c.Access, remote.Tokens(func(given string) (string, remote.Role) {
				if given == "named" {
					return hostile, remote.Viewer
				}
				return "", 0
			}))
		})
		c := client(t, address, trust, token)
		for _, path := range []string{"tree/" + hostile, "tree/" + strings.Repeat("x", 10_000)} {
			if err := c.TerminateChild(t.Context(), sup.Target{Path: path}); err == nil {
				t.Errorf("call on %q succeeded", path)
			}
		}
		transport := &http.Transport{TLSClientConfig: trust}
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+control+url.PathEscape("Explode"+hostile), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := transport.RoundTrip(r); err == nil {
			answer.Body.Close()
		}
		return log
	}
	for token, want := range map[string]string{
		secret:       `"path":"tree/%1B[2J%C2%9B31m%E2%80%AE%0A"`,
		viewerSecret: `"path":"tree/%1B[2J%C2%9B31m%E2%80%AE%0A"`,
		"named":      `"client":"token \\x1b[2J\\u009b31m\\u202e"`,
		"stranger":   `"op":"TerminateChild"`,
	} {
		log := logOf(token).String()
		if !strings.Contains(log, want) {
			t.Errorf("token %q: no %s in:\n%s", token, want, log)
		}
		for line := range strings.Lines(log) {
			if i := strings.IndexFunc(line, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 || len(line) > 8000 {
				t.Errorf("token %q: %q in a line of %d bytes\n%q", token, line[max(i, 0)], len(line), line)
			}
		}
	}
}
