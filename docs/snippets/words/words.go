// Package words is the interface of the plugins in the guide to plugins: what host and
// plugin agree on.
package words

import (
	"errors"
	"net/rpc"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
)

// Words is what a plugin implements.
type Words interface {
	Count(text string) (int, error)
}

// Handshake is the cookie by which host and plugin recognize each other.
var Handshake = goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "WORDS", MagicCookieValue: "4b1d"}

// Plugin is the definition for go-plugin: both ends of net/rpc.
type Plugin struct{ Impl Words }

// Server returns the end of the plugin.
func (p *Plugin) Server(*goplugin.MuxBroker) (any, error) { return &server{p.Impl}, nil }

// Client returns the end of the host, a Words.
func (*Plugin) Client(_ *goplugin.MuxBroker, c *rpc.Client) (any, error) { return &client{c}, nil }

type server struct{ impl Words }

// Count is called over net/rpc.
func (s *server) Count(text string, n *int) (err error) {
	*n, err = s.impl.Count(text)
	return err
}

type client struct{ rpc *rpc.Client }

// Count implements Words.
func (c *client) Count(text string) (n int, err error) {
	err = c.rpc.Call("Plugin.Count", text, &n)
	return n, err
}

// Counter implements Words.
type Counter struct{}

// Count counts the words of a text.
func (Counter) Count(text string) (int, error) {
	if text == "" {
		return 0, errors.New("no text")
	}
	return len(strings.Fields(text)), nil
}
