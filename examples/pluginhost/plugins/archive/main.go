// Archive is a plugin that lists the entries of gzip, zip and tar files.
package main

import (
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func main() {
	content.Serve(func(s *grpc.Server) {
		content.RegisterArchivesServer(s, content.Serving[*content.Listing](convert.Archive))
	})
}
