package proc

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// probe asks a process once. nil is the answer that was hoped for.
type probe func(ctx context.Context, p *Process) error

func probeTCP(address string) probe {
	return func(ctx context.Context, _ *Process) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// asker follows no redirect, uses no proxy and keeps no connection: the answer
// must be the process's own, and the next one that of its successor.
var asker = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func probeHTTP(url string) probe {
	return func(ctx context.Context, _ *Process) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := asker.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode/100 != 2 {
			return fmt.Errorf("GET %s: %s", url, response.Status)
		}
		return nil
	}
}

// addressFault says what is wrong with the address of a TCP probe.
func addressFault(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && port != "0" {
		return ""
	}
	return fmt.Sprintf("%q is no address: write \"host:port\"", address)
}

// urlFault says what is wrong with the URL of an HTTP probe.
func urlFault(text string) string {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return ""
	}
	return fmt.Sprintf("%q is no URL of a server: write \"http://host:port/path\"", text)
}

// within asks with a bound on the time that the answer takes.
func (ask probe) within(ctx context.Context, limit time.Duration, p *Process) error {
	bounded, end := withLimit(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer end()
	err := ask(bounded, p)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return context.Cause(bounded)
	}
	return err
}
