package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// probe checks a process once.
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

// probeClient follows no redirects and uses no proxy, so that the process itself
// answers. It keeps no connections, so that they do not outlive an incarnation.
var probeClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func probeHTTP(url string) probe {
	return func(ctx context.Context, _ *Process) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := probeClient.Do(request)
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

// addressFault returns what is wrong with the address of a TCP probe, or "".
func addressFault(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err == nil && port != "0" {
		return ""
	}
	return fmt.Sprintf("%q is not an address: write \"host:port\"", address)
}

// urlFault returns what is wrong with the URL of an HTTP probe, or "".
func urlFault(text string) string {
	u, err := url.Parse(text)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return ""
	}
	return fmt.Sprintf("%q is not the URL of a server: write \"http://host:port/path\"", text)
}

// run runs a probe with a timeout.
func (f probe) run(ctx context.Context, timeout time.Duration, p *Process) error {
	bounded, end := withTimeout(ctx, timeout, fmt.Errorf("no answer within %v", timeout))
	defer end()
	err := f(bounded, p)
	if cause := context.Cause(bounded); err != nil && cause != nil && ctx.Err() == nil && !errors.Is(err, cause) {
		return cause // not the error of an interrupted call
	}
	return err
}
