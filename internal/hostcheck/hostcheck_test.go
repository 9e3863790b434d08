package hostcheck_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/hostcheck"
)

func TestOnlyLoopbackNamesAreAllowed(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:80": true, "LocalHost:8080": true, "localhost.": true, "LOCALHOST.:1": true,
		"127.0.0.1": true, "127.0.0.1:80": true, "127.8.9.1": true, "127.0.0.1.:80": true,
		"[::1]": true, "[::1]:80": true, "::1": true, "[0:0:0:0:0:0:0:1]:80": true, "[::ffff:127.0.0.1]:1": true,
		"localhost:": true, // RFC 3986: the port may be empty

		"": false, ":80": false, ".": false, "[]": false, "[]:80": false, "[": false, "[::1": false, "[::1]80": false,
		"evil.example": false, "evil.example:80": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false,
		"evil.localhost": false, "localhost..": false, "localhost:x": false, "localhost:80:80": false, "[localhost]": false,
		"[127.0.0.1]": false, "127.1": false, "0x7f.1": false, "2130706433": false, "0127.0.0.1": false, "127.0.0.1:99999999": false,
		"0.0.0.0": false, "[::]": false, "10.0.0.1": false, "[::ffff:10.0.0.1]": false, "[fe80::1%25lo]": false, "[::1%lo]": false,
		"localhost@evil.example": false, "evil.example#localhost": false, "localhost/": false, " localhost": false, "localhost\x00": false,
		"ⅼocalhost": false, "localhoſt": false, // become localhost in some Unicode normalizations
	} {
		if got := (hostcheck.Hosts{}).Allow(host); got != want {
			t.Errorf("Allow(%q) is %v, want %v", host, got, want)
		}
	}
}

func TestAddedHostsAreAllowed(t *testing.T) {
	hosts, err := hostcheck.New("Panel.Example", "ops.example.:8080", "10.0.0.7", "[2001:db8::7]:443", "2001:db8:0::8")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"localhost": true, "panel.example": true, "PANEL.example.:1234": true, "ops.example:8080": true, "10.0.0.7:99": true,
		"[2001:db8:0:0::7]:443": true, "[2001:db8::8]": true, "[2001:db8::8]:1": true,
		"ops.example": false, "ops.example:80": false, "a.panel.example": false, "panel.example.evil": false,
		"10.0.0.70": false, "[2001:db8::7]:444": false,
	} {
		if got := hosts.Allow(host); got != want {
			t.Errorf("Allow(%q) is %v, want %v", host, got, want)
		}
	}
}

func TestInvalidHostsAreRejected(t *testing.T) {
	for _, host := range []string{"", ":80", "*", "*.example", "https://panel.example", "panel.example/debug", "a b", "[::1", "a:b", "a@b", "fe80::1%eth0"} {
		if _, err := hostcheck.New(host); err == nil {
			t.Errorf("New accepted %q", host)
		}
	}
}

func TestIsLoopbackAcceptsOnlyLoopbackNames(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost:80": false, "example.com": false, "0.0.0.0": false, "[::1]": false,
	} {
		if got := hostcheck.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) is %v, want %v", host, got, want)
		}
	}
}
