package main

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A meter counts calls and measures their times. All methods are safe for concurrent use.
type meter struct {
	mu    sync.Mutex
	times *hdrhistogram.Histogram // in microseconds
}

// figures are the measurements of a meter.
type figures struct {
	calls    int
	p50, p99 time.Duration
}

const longestCall = time.Hour // the time of longer calls is recorded as this

func newMeter() *meter {
	return &meter{times: hdrhistogram.New(1, longestCall.Microseconds(), 3)}
}

// count counts a successful call.
func (m *meter) count(took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.times.RecordValue(max(1, min(took, longestCall).Microseconds())) // the time is within the range of the histogram
}

func (m *meter) figures() figures {
	m.mu.Lock()
	defer m.mu.Unlock()
	quantile := func(q float64) time.Duration {
		return time.Duration(m.times.ValueAtQuantile(q)) * time.Microsecond
	}
	return figures{int(m.times.TotalCount()), quantile(50), quantile(99)}
}
