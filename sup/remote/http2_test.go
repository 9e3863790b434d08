package remote_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// overTLS returns a change of the server's configuration to TLS, and the TLS
// configuration of a client for HTTP/2.
func overTLS(t *testing.T) (server func(*remote.Config), client *tls.Config) {
	t.Helper()
	ours := newAuthority(t) // in the time of the bubble
	config := ours.server(t)
	client = ours.client(t, "ops", -time.Minute, time.Hour)
	client.ServerName = "127.0.0.1"
	client.VerifyConnection = func(c tls.ConnectionState) error {
		if c.NegotiatedProtocol != "h2" {
			t.Errorf("the protocol is %q", c.NegotiatedProtocol)
		}
		return nil
	}
	return func(c *remote.Config) {
		c.TLS, c.Access = config, []remote.Grant{remote.Certificate("ops", remote.Operator)}
	}, client
}

// streamEnded is the log record of a server at the end of an event stream.
const streamEnded = `msg="viewer call" op=Events`

// Over HTTP/2 a write deadline resets the stream when it passes, even long after the
// write.
func TestAQuietStreamIsNotReset(t *testing.T) {
	for name, heartbeat := range map[string]time.Duration{"by default": 0, "with few heartbeats": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := startShop(t)
				defer s.end(t)
				w := newWire()
				var log, clientLog logbook
				server, client := overTLS(t)
				stop := serve(t, sup.Control(s), w, func(c *remote.Config) {
					server(c)
					c.Heartbeat, c.Logger = heartbeat, log.logger()
				})
				defer stop()
				c := dial(t, w, remote.Dialer{TLS: client, Logger: clientLog.logger()})
				defer c.Close()
				r := read(c, "", sup.FromNow)
				if all := r.soFar(); len(all) != 0 {
					t.Errorf("events of an idle tree: %v", all)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if log.String() != "" || clientLog.String() != "" {
					t.Errorf("the server logs:\n%s\nthe client logs:\n%s", log.String(), clientLog.String())
				}
				s.db.fail <- errLost
				if all := r.soFar(); len(all) == 0 || all[0].err != nil || all[0].event.Path != "shop/db" {
					t.Errorf("after the quiet period: %v", all)
				}
				r.stop()
				for range r.items {
				}
				stop()
				if n := strings.Count(log.String(), streamEnded); n != 1 {
					t.Errorf("%d streams ended:\n%s", n, log.String())
				}
			})
		})
	}
}

// Over HTTP/2 a client can use the connection without reading one of its streams.
func TestAStreamThatIsNeverReadEndsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		var log logbook
		server, client := overTLS(t)
		defer serve(t, sup.Control(s), w, func(c *remote.Config) {
			server(c)
			c.Logger = log.logger()
		})()
		transport := &http.Transport{
			Protocols:       new(http.Protocols),
			TLSClientConfig: client,
			HTTP2:           &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10},
			DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx) },
		}
		transport.Protocols.SetHTTP2(true)
		defer transport.CloseIdleConnections()
		ask, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://wire:1"+control+"Events", strings.NewReader(framed(0, 2, "{}")))
		if err != nil {
			t.Fatal(err)
		}
		ask.Header.Set("Content-Type", "application/connect+json")
		answer, err := transport.RoundTrip(ask)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		time.Sleep(time.Minute) // the recorded events fit into the buffers
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("while the buffers had space:\n%s", log.String())
		}
		for range 500 { // more than the buffers hold
			if _, err := s.feeds.StartChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
			if err := s.feeds.RemoveChild(t.Context(), "IBM"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(remote.DefaultWriteTimeout + time.Second)
		synctest.Wait()
		if n := strings.Count(log.String(), streamEnded); n != 1 || !strings.Contains(log.String(), "took=1m10s") {
			t.Errorf("not ended after the write timeout:\n%s", log.String())
		}
	})
}
