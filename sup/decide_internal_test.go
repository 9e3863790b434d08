package sup

import (
	"testing"
	"time"
)

// F4: the wait before the next attempt.
func TestThePauseBeforeTheNextAttempt(t *testing.T) {
	for _, tt := range []struct {
		name      string
		backoff   time.Duration
		missed    int
		exhausted bool
		want      time.Duration
	}{
		{"the first", 0, 0, false, 0},
		{"the ninth in a row", 0, 8, false, 0},
		{"the tenth in a row", 0, 9, false, time.Millisecond},
		{"all after it", 0, 1 << 40, false, time.Millisecond},
		{"a longer backoff", time.Minute, 9, false, time.Minute},
		{"a backoff of nearly nothing", 1, 9, false, time.Millisecond},
		{"the host is exhausted", 0, 1, true, time.Second},
		{"for long", 0, 100, true, time.Second},
		{"and a shorter backoff", time.Millisecond, 1, true, time.Second},
		{"and a longer backoff", time.Minute, 1, true, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pause(tt.backoff, tt.missed, tt.exhausted); got != tt.want {
				t.Errorf("it is %v, want %v", got, tt.want)
			}
		})
	}
}
