package main

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A Page serves the debug page of the host.
type Page struct {
	host     *Host
	service  *service
	listener net.Listener
	hosts    []string // see pageURL
}

// Initialize listens, and logs the URL of the page.
func (p *Page) Initialize(context.Context) (err error) {
	if p.listener, err = net.Listen("tcp", p.service.page); err != nil {
		return err
	}
	url, hosts := pageURL(p.service.page, p.listener.Addr())
	p.hosts = hosts
	p.service.pageURL.Store(&url)
	p.service.journal.note("debug page: %s", url)
	return nil
}

// pageURL returns the URL of the page, and the hosts that a request may name besides
// localhost. They are the host in the address that was asked for. If that is every address
// of this machine, they are its addresses and its name.
func pageURL(address string, listening net.Addr) (url string, hosts []string) {
	host, _, _ := net.SplitHostPort(address) // Listen has accepted it
	_, port, _ := net.SplitHostPort(listening.String())
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		hosts = []string{host}
	} else {
		hosts = ownHosts()
	}
	return "http://" + net.JoinHostPort(cmp.Or(append(hosts, "localhost")...), port) + "/", hosts
}

// ownHosts returns the addresses of this machine's network interfaces, IPv4 first, and its
// name. A listener for 0.0.0.0 is not reached by IPv6.
func ownHosts() []string {
	var ip4, rest []string
	addresses, _ := net.InterfaceAddrs() // without them the page is reached as localhost
	for _, a := range addresses {
		prefix, err := netip.ParsePrefix(a.String())
		switch ip := prefix.Addr(); {
		case err != nil || !ip.IsGlobalUnicast():
		case ip.Is4():
			ip4 = append(ip4, ip.String())
		default:
			rest = append(rest, ip.String())
		}
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		rest = append(rest, name)
	}
	return append(ip4, rest...)
}

// Run serves until ctx ends.
func (p *Page) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: debug.Handler(sup.Inspect(p.host), debug.Hosts(p.hosts...),
			debug.Values("found", &p.host.Found), debug.Keys("results", &p.host.Results)),
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends the streams
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute, // the handler limits the rest
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err := server.Close()
	<-served
	if err != nil {
		return err
	}
	return ctx.Err()
}

// Terminate closes the listener, even if Run was never called.
func (p *Page) Terminate(context.Context, sup.Exit) error {
	if p.listener != nil {
		p.listener.Close() // usually a second time, without effect
	}
	return nil
}
