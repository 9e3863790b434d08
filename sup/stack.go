package sup

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/singleflight"
)

// The stacks of one child, found in a dump of all goroutines. Goroutines have
// no names, and naming each would cost more than a restart does; but the
// traceback prints the arguments of functions, and those of step and task
// name the incarnation.

// stackMark makes the argument recognisable: "sup!" in ASCII, read as a number,
// which fits into 32 bits.
const stackTagPrefix = 0x73757021

// dumpLimit is the number of goroutines above which no dump is taken: it stops
// the program for about a microsecond each.
const dumpLimit = 100_000

// A stackDump holds the stack of each goroutine that lives an incarnation.
type stackDump struct {
	stacks map[string]string // by mark
	why    string            // there are none
}

// dumps takes dumps, one for all who ask at the same time.
type dumps struct{ flight singleflight.Group }

func (d *dumps) take() stackDump {
	v, _, _ := d.flight.Do("", func() (any, error) { return takeDump(), nil })
	return v.(stackDump)
}

func takeDump() stackDump {
	if n := runtime.NumGoroutine(); n > dumpLimit {
		return stackDump{why: fmt.Sprintf("not taken: with %d goroutines a dump would stop the program for too long", n)}
	}
	buf := make([]byte, 1<<20)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	return readDump(string(buf[:n]))
}

// readDump reads a traceback of all goroutines: an empty line is between two,
// and a newline after the last.
func readDump(traceback string) stackDump {
	d := stackDump{stacks: make(map[string]string)}
	for stack := range strings.SplitSeq(strings.TrimSuffix(traceback, "\n"), "\n\n") {
		key, ok := tagIn(stack)
		if !ok {
			continue
		}
		if d.stacks[key] != "" {
			stack = d.stacks[key] + "\n\n" + stack
		}
		d.stacks[key] = stack
	}
	return d
}

// markIn finds the argument that mark returned in the text of a stack.
func tagIn(stack string) (key string, ok bool) {
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
