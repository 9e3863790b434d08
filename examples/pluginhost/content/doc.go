// Package content defines what a content host and its plugins share: the kinds of files,
// the interface of the plugins of a kind, and the main function of a plugin.
//
// A plugin needs a function that converts a file to an R, and a main function that serves
// it.
//
//	func main() {
//		content.Serve(func(s *grpc.Server) { content.RegisterTextsServer(s, content.Serving(convert.Text)) })
//	}
package content
