// Picture is a plugin that converts PNG, JPEG and GIF to thumbnails.
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
