//go:build e2e

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
)

// These tests fail without Prometheus. On Debian: apt-get install prometheus.

// tool returns the path of a program. The test fails if the program is not installed.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("missing %s: apt-get install prometheus: %v", name, err)
	}
	return path
}

func TestTheAlertRulesPassTheirTests(t *testing.T) {
	promtool := tool(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// Each query of the dashboard and of the alerts has data in a Prometheus that scrapes
// the program, and alerts fire.
func TestARealPrometheusHasDataForTheDashboardAndTheAlerts(t *testing.T) {
	p := startPrometheus(t, serveTree(t))
	for _, alert := range p.rules(t) {
		p.await(t, alert)
	}
	for panel, query := range queries(t) {
		t.Log(panel)
		p.await(t, query)
	}
	p.await(t, `ALERTS{alertname="ChildQuarantined",alertstate="firing"}`)
	p.await(t, `ALERTS{alertname="ChildStuck"}`)
}

// serveTree runs the program, and returns its address.
func serveTree(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// queries returns the queries of the dashboard by panel, with variables replaced.
func queries(t *testing.T) map[string]string {
	t.Helper()
	content, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &board); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	ids := make(map[int]bool)
	for _, p := range board.Panels {
		if ids[p.ID] || all[p.Title] != "" || len(p.Targets) != 1 {
			t.Errorf("panel %q is not unique, or does not have one query", p.Title)
		}
		ids[p.ID] = true
		all[p.Title] = strings.NewReplacer("$supervisor", ".*", "$__rate_interval", "10s").Replace(p.Targets[0].Expr)
	}
	if len(all) < 10 {
		t.Errorf("%d panels", len(all))
	}
	return all
}

// A promServer is a running Prometheus.
type promServer struct{ address string }

func startPrometheus(t *testing.T, target string) promServer {
	t.Helper()
	program := tool(t, "prometheus")
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf(`
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: tree
    static_configs: [{targets: [%q]}]
`, rules, target)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	var log bytes.Buffer
	cmd := exec.Command(program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case <-ended:
		case <-time.After(patience.Bound):
			t.Error("prometheus did not stop in time")
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("log of prometheus:\n%s", log.String())
		}
	})
	p := promServer{address}
	poll(t, "prometheus is ready", func() error {
		_, err := p.get("/-/ready", nil)
		return err
	})
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// timeout limits each wait. It is generous for a busy machine.
const timeout = patience.Bound

func poll(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v: %v", what, timeout, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (p promServer) get(path string, query url.Values) ([]byte, error) {
	response, err := http.Get("http://" + p.address + path + "?" + query.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return body, err
}

// await waits until a query returns data.
func (p promServer) await(t *testing.T, query string) {
	t.Helper()
	poll(t, query, func() error {
		body, err := p.get("/api/v1/query", url.Values{"query": {query}})
		if err != nil {
			return err
		}
		var answer struct {
			Data struct{ Result []json.RawMessage }
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return err
		}
		if len(answer.Data.Result) == 0 {
			return fmt.Errorf("no data: %s", body)
		}
		return nil
	})
}

// rules returns the queries of the alerts that Prometheus has loaded.
func (p promServer) rules(t *testing.T) (queries []string) {
	t.Helper()
	body, err := p.get("/api/v1/rules", nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query string }
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			if r.Name == "ChildRestartsOften" { // ten restarts of the flaky plugin take too long
				r.Query = strings.Replace(r.Query, "> 10", "> 1", 1)
			}
			queries = append(queries, r.Query)
		}
	}
	if len(queries) != 7 {
		t.Errorf("%d alert rules loaded; want 7", len(queries))
	}
	return queries
}
