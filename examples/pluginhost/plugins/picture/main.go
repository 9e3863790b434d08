// Picture is a plugin that makes thumbnails of PNG, JPEG and GIF.
package main

import (
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func main() {
	content.Serve(func(s *grpc.Server) {
		content.RegisterPicturesServer(s, content.Serving[*content.Picture](convert.Picture))
	})
}
