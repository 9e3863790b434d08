// Text is a plugin that converts Markdown and HTML to text.
package main

import (
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func main() {
	content.Serve(func(s *grpc.Server) {
		content.RegisterTextsServer(s, content.Serving[*content.Text](convert.Text))
	})
}
