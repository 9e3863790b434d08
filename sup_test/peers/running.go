package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/thejerf/suture/v4"
	"github.com/thejerf/sutureslog"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/promsup"
)

// A service that runs for a while: 1,000 children of mixed kinds, of which 100 a second
// crash. Unlike the other measurements it is mostly idle, as real services are.

const (
	patients   = 1_000
	crashEvery = 10 * time.Millisecond
	crashes    = 1_000 // ten seconds
)

// A patient is a worker that fails when it receives from crash. All incarnations share it.
type patient struct {
	crash  chan struct{}
	exited time.Time // zero unless it has failed and not run again
	delays *delays
}

type delays struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *patient) Run(ctx context.Context) error {
	if !w.exited.IsZero() {
		w.delays.mu.Lock()
		w.delays.all = append(w.delays.all, time.Since(w.exited))
		w.delays.mu.Unlock()
	}
	select {
	case <-w.crash:
		w.exited = time.Now()
		return errCrash
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *patient) Serve(ctx context.Context) error { return w.Run(ctx) }

// A stay is what ten seconds of a service cost.
type stay struct {
	cpu   time.Duration // of the whole process
	bytes float64       // allocated for a crash
	p99   time.Duration // from exit to the next Run
}

// stayIn runs a service for ten seconds.
func stayIn(run func(all []*patient) (stop func())) stay {
	times := new(delays)
	all := make([]*patient, patients)
	for i := range all {
		all[i] = &patient{crash: make(chan struct{}), delays: times}
	}
	stop := run(all)
	defer stop()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	used := cpuTime()
	ticker := time.NewTicker(crashEvery)
	defer ticker.Stop()
	for i := range crashes {
		<-ticker.C
		all[i*37%patients].crash <- struct{}{}
	}
	used = cpuTime() - used
	runtime.ReadMemStats(&after)
	time.Sleep(100 * time.Millisecond) // the last one runs again
	times.mu.Lock()
	defer times.mu.Unlock()
	slices.Sort(times.all)
	return stay{used, float64(after.TotalAlloc-before.TotalAlloc) / crashes, times.all[len(times.all)*99/100]}
}

// measureService compares espalier with suture and sutureslog, and with goroutines
// that restart themselves and log nothing. What the goroutines take is the service, and
// what the others take above that is the library.
func measureService(r *report) {
	contenders := []struct {
		name string
		run  func([]*patient) func()
	}{
		{"goroutines", runBares},
		{"suture", runSutured},
		{"logs", runLogged},
		{"all", runWatched},
	}
	found := make(map[string]stay)
	for _, c := range contenders {
		found[c.name] = stayIn(c.run)
		fmt.Fprintf(os.Stderr, "    %-14s %v of CPU, %.0f B a crash, p99 %v\n", c.name, found[c.name].cpu, found[c.name].bytes, found[c.name].p99)
	}
	library := func(name string) float64 { return max(0, float64(found[name].cpu-found["goroutines"].cpu)) / crashes }
	one := func(value float64) spread { return spread{value, value, value, 0} }
	theirs := found["suture"]
	for _, c := range []struct {
		name, with string
		target     float64
	}{
		{"logs", "logs", 1. / 3},
		{"all", "logs, metrics every second, the page open", 0},
	} {
		ours := found[c.name]
		r.row(row{
			Section: "A service", What: "CPU time of the library for a crash: " + c.with,
			Ours: duration(library(c.name)), Limit: "suture, logs " + duration(library("suture")),
			Ratio: one(library(c.name) / library("suture")), Target: math.Round(c.target*100) / 100,
		})
		r.row(row{
			Section: "A service", What: "share of the library in the CPU time of the process: " + c.with,
			Ours:  fmt.Sprintf("%.0f %%", 100*library(c.name)*crashes/float64(ours.cpu)),
			Limit: fmt.Sprintf("suture, logs %.0f %%", 100*library("suture")*crashes/float64(theirs.cpu)),
			Ratio: one(library(c.name) / float64(ours.cpu) / (library("suture") / float64(theirs.cpu))),
		})
		r.row(row{
			Section: "A service", What: "bytes allocated for a crash: " + c.with,
			Ours: size(ours.bytes), Limit: "suture, logs " + size(theirs.bytes), Ratio: one(ours.bytes / theirs.bytes),
		})
		r.row(row{
			Section: "A service", What: "p99 from exit to Run, in milliseconds: " + c.with,
			Ours: duration(float64(ours.p99)), Limit: "suture, logs " + duration(float64(theirs.p99)),
			Ratio: one(ours.p99.Seconds() * 1000), Target: 1,
		})
	}
}

func runBares(all []*patient) func() {
	ctx, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	for _, w := range all {
		owners.Go(func() { byOwner(ctx, w) })
	}
	return func() {
		cancel()
		owners.Wait()
	}
}

func runSutured(all []*patient) func() {
	s := suture.New("service", suture.Spec{
		EventHook:        (&sutureslog.Handler{Logger: textLogger()}).MustHook(),
		FailureThreshold: math.MaxFloat64,
		Timeout:          time.Minute,
	})
	// Three kinds of children, as below.
	for _, part := range [][]*patient{all[:600], all[600:900], all[900:]} {
		below := suture.New("part", suture.Spec{
			EventHook:        (&sutureslog.Handler{Logger: textLogger()}).MustHook(),
			FailureThreshold: math.MaxFloat64,
			Timeout:          time.Minute,
		})
		for _, w := range part {
			below.Add(w)
		}
		s.Add(below)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := s.ServeBackground(ctx)
	return func() {
		cancel()
		<-done
	}
}

// newService returns a tree of a set by key, a supervisor with declared children, and
// replicas.
func newService(all []*patient) *sup.Supervisor[sup.Worker] {
	keyed := sup.KeyedSpec[int, *patient]{
		Intensity: sup.Unlimited,
		Start:     func(_ context.Context, key int) (*patient, error) { return all[key], nil },
	}
	static := sup.Spec[*patient]{Intensity: sup.Unlimited}
	for i, id := range idsTo(300) {
		w := all[600+i]
		static.Children = append(static.Children, sup.ChildSpec[*patient]{
			ID: id, Start: func(context.Context) (*patient, error) { return w, nil },
		})
	}
	replicas := sup.ReplicasSpec[*patient]{
		Count: 100, Intensity: sup.Unlimited,
		Start: func(_ context.Context, i int) (*patient, error) { return all[900+i], nil },
	}
	set := sup.NewKeyed(keyed)
	s := must(sup.Start(context.Background(), sup.Spec[sup.Worker]{
		Observers: []sup.Observer{sup.Log(textLogger())},
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "keyed", Start: func(context.Context) (sup.Worker, error) { return set, nil }},
			{ID: "static", Start: func(context.Context) (sup.Worker, error) { return sup.New(static), nil }},
			{ID: "replicas", Start: func(context.Context) (sup.Worker, error) { return sup.NewReplicas(replicas), nil }},
		},
	}))
	startKeyed(set, 0, 600)
	return s
}

func runLogged(all []*patient) func() {
	s := newService(all)
	return func() { shutdown(s) }
}

// runWatched runs the service with metrics, and with the page open in a browser that
// reads what it is sent.
func runWatched(all []*patient) func() {
	s := newService(all)
	registry := prometheus.NewRegistry()
	registry.MustRegister(promsup.New(s))
	page := httptest.NewServer(http.StripPrefix("/", debug.Handler(sup.Inspect(s))))
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		response := must(http.DefaultClient.Do(must(http.NewRequestWithContext(ctx, http.MethodGet, page.URL+"/events", nil))))
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			panic("the page answers " + response.Status)
		}
		_, _ = io.Copy(io.Discard, response.Body)
	})
	watching.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				must(registry.Gather())
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		watching.Wait()
		page.Close()
		shutdown(s)
	}
}
