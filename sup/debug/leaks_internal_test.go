package debug

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestALeakProfileIsParsed(t *testing.T) {
	const profile = `goroutineleak profile: total 4
2 @ 0x4846ce 0x48b5e1
# labels: {"sup.incarnation":"3", "sup.path":"shop/till"}
#	0x56353d	main.wait+0x1d	/src/main.go:10
#	0x56354e	main.sell.func1+0x2e	/src/main.go:20

1 @ 0x4846ce 0x48b5e1
#	0x56353d	main.other+0x1d	/src/main.go:30

1 @ 0x4846ce
# labels: not JSON
#	0x56353d	main.third+0x1d	/src/main.go:40

`
	want := []leak{
		{"shop/till", 3, 2, "main.wait+0x1d\n\t/src/main.go:10\nmain.sell.func1+0x2e\n\t/src/main.go:20\n"},
		{"", 0, 1, "main.other+0x1d\n\t/src/main.go:30\n"},
		{"", 0, 1, "main.third+0x1d\n\t/src/main.go:40\n"},
	}
	if d := cmp.Diff(want, parseLeaks(profile)); d != "" {
		t.Error(d)
	}
	if leaks := parseLeaks("goroutineleak profile: total 0\n"); len(leaks) != 0 {
		t.Errorf("leaks in an empty profile: %v", leaks)
	}
}
