// Counter is a plugin: a program of its own.
package main

import (
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/docs/snippets/words"
)

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: words.Handshake,
		Plugins:         goplugin.PluginSet{"words": &words.Plugin{Impl: words.Counter{}}},
	})
}
