package sup

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/singleflight"
)

// The stacks of one child are found in a dump of all goroutines. Goroutines have
// no names, and a pprof label for each would cost more than a restart does. But a
// traceback prints the arguments of functions, and those of step and task identify
// the incarnation.

// stackTagPrefix makes the argument recognisable. It is "sup!" in ASCII as a
// number, which fits into 32 bits.
const stackTagPrefix = 0x73757021

// dumpLimit is the number of goroutines above which no dump is taken. A dump stops
// the program for about a microsecond per goroutine.
const dumpLimit = 100_000

// stackDump holds the stacks of the goroutines of all incarnations.
type stackDump struct {
	stacks map[string]string // by tag
	why    string            // why there are no stacks; "" if there are
}

// dumps takes dumps. Callers at the same time share one.
type dumps struct{ flight singleflight.Group }

// take returns a dump. If another goroutine is taking one, it returns that one.
func (d *dumps) take() stackDump {
	v, _, _ := d.flight.Do("", func() (any, error) { return takeDump(), nil })
	return v.(stackDump)
}

// takeDump takes a dump of all goroutines and reads it.
func takeDump() stackDump {
	if n := runtime.NumGoroutine(); n > dumpLimit {
		return stackDump{why: fmt.Sprintf("not taken: with %d goroutines a dump would stop the program for too long", n)}
	}
	// runtime.Stack fills the buffer or says how much it wrote: a full one may be cut.
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	return readDump(string(buf[:n]))
}

// readDump reads a traceback of all goroutines, which are separated by empty
// lines.
func readDump(traceback string) stackDump {
	d := stackDump{stacks: make(map[string]string)}
	for stack := range strings.SplitSeq(strings.TrimSuffix(traceback, "\n"), "\n\n") {
		key, ok := tagIn(stack)
		if !ok {
			continue
		}
		if d.stacks[key] != "" { // a goroutine of Go beside that of the child
			stack = d.stacks[key] + "\n\n" + stack
		}
		d.stacks[key] = stack
	}
	return d
}

// tagIn finds the result of stackTag in the text of a stack.
func tagIn(stack string) (key string, ok bool) {
	// The traceback prints an array of two words as {0x73757021, 0xc000123456}.
	_, after, ok := strings.Cut(stack, fmt.Sprintf("{%#x, ", stackTagPrefix))
	if !ok {
		return "", false
	}
	key, _, ok = strings.Cut(after, "}")
	return key, ok
}

// of returns the stacks of an incarnation.
func (d stackDump) of(inc *incarnation) string {
	if d.why != "" {
		return d.why
	}
	if stack, ok := d.stacks[fmt.Sprintf("%#x", inc.stackTag()[1])]; ok {
		return stack
	}
	return "its goroutines had just returned"
}
