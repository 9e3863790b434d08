// Outline is a plugin that makes outlines of Go source.
package main

import (
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func main() {
	content.Serve(func(s *grpc.Server) {
		content.RegisterOutlinesServer(s, content.Serving[*content.Outline](convert.Outline))
	})
}
