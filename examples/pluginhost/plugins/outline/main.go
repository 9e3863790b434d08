// Outline is a plugin that converts Go source to outlines.
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
