package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
)

func TestTheMetricsShowTheFailuresOfTheTree(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l) }()
	wanted := []string{
		`sup_children{child="bad",state="quarantined",supervisor="host"} 1`,
		`sup_children{child="stubborn",state="stuck",supervisor="host"} 1`,
		`sup_restarts_total{child="*",supervisor="host/feeds"} 3`,
		`sup_intensity_used_ratio{supervisor="host/feeds"} 0.75`,
		`sup_supervisors{supervisor="host/reports"} 0`,
		`sup_up{tree="host"} 1`,
		`sup_up{tree="tree 2"} 0`,
		`sup_down_reason{reason="connection refused",tree="tree 2"} 1`,
	}
	deadline := time.Now().Add(patience.Bound)
	for missing := wanted; len(missing) > 0; {
		response, err := http.Get("http://" + l.Addr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		missing = nil
		for _, line := range wanted {
			if !strings.Contains(string(page), line) {
				missing = append(missing, line)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("missing:\n%s\nin\n%s", strings.Join(missing, "\n"), page)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := run(l.Addr().String()); err == nil {
		t.Error("no error")
	}
}
