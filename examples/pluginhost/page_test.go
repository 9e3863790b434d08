package main

import (
	"net"
	"net/http"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

func TestThePrintedURLOfThePageWorks(t *testing.T) {
	for _, address := range []string{"localhost:0", "127.0.0.1:0", ":0", "0.0.0.0:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		url, hosts := pageURL(address, l.Addr())
		server := &http.Server{Handler: debug.Handler(sup.Inspect(sup.New(sup.Spec[sup.Worker]{})), debug.Hosts(hosts...))}
		served := make(chan error, 1)
		go func() { served <- server.Serve(l) }()
		response, err := http.Get(url)
		if err != nil {
			t.Errorf("-debug %s: %v", address, err)
		} else {
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("-debug %s: %s answers %s", address, url, response.Status)
			}
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}
}

func TestThePageAllowsTheHostsOfItsAddress(t *testing.T) {
	listening := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 6060}
	for address, want := range map[string]string{
		"panel.example:6060": "http://panel.example:6060/",
		"10.0.0.7:0":         "http://10.0.0.7:6060/",
		"[2001:db8::7]:6060": "http://[2001:db8::7]:6060/",
	} {
		url, hosts := pageURL(address, listening)
		if url != want || len(hosts) != 1 {
			t.Errorf("%s: %s, hosts %q", address, url, hosts)
		}
	}
}
