// Package httpsup has a worker that serves HTTP. It is an http.Server that starts,
// drains and fails the way its supervisor expects.
//
// # Guarantees
//
//  1. The worker is ready when it listens, so children that are started after it can
//     connect. An address that cannot be listened on is a failed start.
//  2. When it is asked to stop, it accepts no more connections, and finishes the requests
//     that it has. A connection that was accepted last has a second for its request. Nine
//     tenths of the child's Shutdown time are for all that. Then the contexts of the
//     remaining requests are cancelled and their connections closed.
//  3. It has not stopped before all handlers have returned. One that ignores its context
//     makes the child stuck, and is reported with its stack.
//  4. A stop that finished all requests is a shutdown exit. Requests that were cut off are
//     an error that says how many, and so is a listener that fails.
//  5. With [On], the listener stays open across restarts, and no connection is refused
//     meanwhile.
//
// # Usage
//
// A start function makes a new http.Server for each incarnation, because one that was
// shut down cannot serve again:
//
//	func newHTTP(context.Context) (*httpsup.Server, error) {
//		return httpsup.New(&http.Server{Addr: ":8080", Handler: routes()}), nil
//	}
//
//	{ID: "http", Start: sup.Adapt(newHTTP), Shutdown: 20 * time.Second}
//
// http.Server has all other settings. If its TLSConfig has certificates, the
// worker serves TLS, and HTTP/2.
//
// # Requests
//
// The context of a request has the values of the worker's context, so [sup.Path] and
// [sup.Root] work in a handler. It is not cancelled when the worker is asked to stop, so
// that the request can be finished. Streams and other requests without an end should also
// return when the channel of [Stopping] is closed.
//
// net/http recovers a panic of a handler and logs it. To let the worker fail instead, give
// the error to [sup.Go]:
//
//	sup.Go(r.Context(), func(context.Context) error { return err })
package httpsup
