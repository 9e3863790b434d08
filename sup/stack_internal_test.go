package sup

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A stack is the same text wherever in the dump it is.
func TestAStackOfADump(t *testing.T) {
	first := fmt.Sprintf("goroutine 7 [select]:\nsup.(*incarnation).step({%#x, 0xc1})\n\tchild.go:1", stackTagPrefix)
	task := fmt.Sprintf("goroutine 9 [chan receive]:\nsup.(*incarnation).task({%#x, 0xc1})\n\tgoroutines.go:1", stackTagPrefix)
	other := fmt.Sprintf("goroutine 8 [select]:\nsup.(*incarnation).step({%#x, 0xc2})\n\tchild.go:1", stackTagPrefix)
	want := map[string]string{"0xc1": first + "\n\n" + task, "0xc2": other}
	for _, dump := range []string{
		first + "\n\n" + other + "\n\ngoroutine 1 [running]:\nmain.main()\n\n" + task + "\n",
		first + "\n\n" + task + "\n\n" + other + "\n",
	} {
		if diff := cmp.Diff(want, readDump(dump).stacks); diff != "" {
			t.Errorf("of the dump (-want +got):\n%s\n%s", diff, dump)
		}
	}
}
