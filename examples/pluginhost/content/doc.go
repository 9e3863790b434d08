// Package content is what a content host and its plugins agree on: the kinds of
// files, the typed interface of the plugins of a kind, and how to serve one.
//
// A plugin is a program of a few lines: a function that makes an R of a file,
// and a main that serves it.
//
//	func main() {
//		content.Serve(func(s *grpc.Server) { content.RegisterTextsServer(s, content.Serving(convert.Text)) })
//	}
package content
