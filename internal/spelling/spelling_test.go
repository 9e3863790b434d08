package spelling_test

import (
	"testing"

	"github.com/espalier-go/espalier/internal/spelling"
)

func TestDistanceCountsInsertionsDeletionsSubstitutionsAndSwaps(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"feeds", "feeds", 0},
		{"", "db", 2},
		{"feed", "feeds", 1},
		{"feeds", "fees", 1},
		{"feeds", "feads", 1},
		{"fedes", "feeds", 1},
		{"shutdwon", "shutdown", 1},
		{"ab", "cd", 2},
		{"a", "abcdefgh", 4},
	} {
		if got := spelling.Distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := spelling.Distance(c.b, c.a); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
