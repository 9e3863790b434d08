package sup_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// W1 to W5: User code that a supervisor calls can misbehave in many ways.
// testdata/faults.txt has a line for the outcome of each. This test also checks what
// the contract says of all of them.

// place is where user code is called, and in which incarnation it misbehaves.
type place struct {
	call        string
	incarnation int
}

var places = []place{
	{"start function", 1}, {"start function", 2}, // 2 is a restart
	{"Initialize", 1}, {"Initialize", 2},
	{"Run", 1},
	{"Terminate", 1},
	{"goroutine", 1},
	{"Update function", 1},
	{"Process", 1}, {"DeadLetter", 2}, // the message that incarnation 1 did not finish
	{"observer", 1},
}

func TestEveryMisbehaviourOfUserCodeHasItsDocumentedOutcome(t *testing.T) {
	want := readFaults(t, "testdata/faults.txt")
	for _, p := range places {
		for _, f := range faults {
			if p.call == "observer" && f.name == "error" {
				continue // has no error to return
			}
			cell := fmt.Sprintf("%s #%d, %s", p.call, p.incarnation, f.name)
			t.Run(cell, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					got := newRig(t, p, f).play()
					if got != want[cell] {
						t.Errorf("the outcome is not that of the table\nwant %s\ngot  %s", want[cell], got)
					}
				})
			})
			delete(want, cell)
		}
	}
	for cell := range want {
		t.Errorf("unknown cell: %s", cell)
	}
}

// readFaults returns the table, by cell.
func readFaults(t *testing.T, file string) map[string]aftermath {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	table := make(map[string]aftermath)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		cols := strings.Split(line, "|")
		for i := range cols {
			cols[i] = strings.TrimSpace(cols[i])
		}
		if len(cols) != 8 {
			t.Fatalf("%s: %d columns, want 8: %s", file, len(cols), line)
		}
		cell := cols[0] + ", " + cols[1]
		if _, twice := table[cell]; twice {
			t.Fatalf("%s: two lines for %s", file, cell)
		}
		table[cell] = aftermath{cols[2], cols[3], cols[4], cols[5], cols[6], cols[7]}
	}
	return table
}

// aftermath is the outcome of a misbehaviour, the columns of the table.
type aftermath struct {
	start    string // result of StartChild; later, if w misbehaves later
	call     string // result of the call that w made; for an observer, what was reported of it
	w        string // state of w once the bubble is idle
	others   string // what has changed among the other children
	shutdown string // result of Shutdown before hanging code was released; ? if the contract is silent
	exit     string // of the incarnation that misbehaved
}

func (o aftermath) String() string {
	return strings.Join([]string{o.start, o.call, o.w, o.others, o.shutdown, o.exit}, " | ")
}

// settled is a time after which a cell is at rest. Slow steps and timeouts take
// seconds.
const settled = time.Minute

// play runs the cell.
func (r *rig) play() (o aftermath) {
	started := make(chan error, 1)
	go func() {
		_, err := r.s.StartChild(context.Background(), sup.ChildSpec[*fake]{ID: "w", Start: r.start})
		started <- err
	}()
	time.Sleep(settled)
	if r.place.incarnation == 2 {
		r.die <- errBoom
		time.Sleep(settled)
	}
	if !r.struck.Load() {
		r.t.Error("no misbehaviour")
	}
	o.w, o.others = r.look()
	r.stillServes()
	o.shutdown = r.shutDown()
	close(r.release)
	r.end()
	o.start, o.call, o.exit = wordOf(<-started), r.answer, r.exit()
	return o
}

// look describes the children, and checks that a and z have not been touched.
func (r *rig) look() (w, others string) {
	w = "gone"
	var all []string
	for _, c := range r.s.Children() {
		is := fmt.Sprintf("%v #%d", c.State, c.Incarnation)
		if c.Restarts > 0 {
			is += fmt.Sprintf(", restarts %d", c.Restarts)
		}
		switch {
		case c.ID == "w":
			w = is
		case is != "running #1", c.ID == "new":
			all = append(all, c.ID+" "+is)
		}
	}
	if len(all) == 0 {
		return w, "-"
	}
	return w, strings.Join(all, ", ")
}

// stillServes checks that the supervisor answers at once, whatever w does.
func (r *rig) stillServes() {
	began, ctx := time.Now(), context.Background()
	tree := r.s.Snapshot()
	if len(tree.Children) != len(r.s.Children()) {
		r.t.Errorf("Tree and Children differ: %v", tree)
	}
	_, err := r.s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "probe", Start: makes(fake{})})
	ops := []string{wordOf(err), wordOf(r.s.TerminateChild(ctx, "probe")), wordOf(r.s.RestartChild(ctx, "probe")),
		wordOf(r.s.TerminateChild(ctx, "probe")), wordOf(r.s.DeleteChild(ctx, "probe"))}
	for _, op := range ops {
		if want := map[bool]string{true: "ok", false: "not running"}[tree.Running]; op != want {
			r.t.Errorf("the supervisor, running %v, answers %v", tree.Running, ops)
		}
	}
	if err := r.state.Update("k", increment); err != nil {
		r.t.Errorf("Update: %v", err)
	}
	synctest.Wait()
	if took := time.Since(began); took != 0 {
		r.t.Errorf("the calls took %v", took)
	}
}

// shutDown ends the supervisor within a time that suffices if nothing hangs.
func (r *rig) shutDown() string {
	ctx, cancel := context.WithTimeout(context.Background(), settled)
	defer cancel()
	err := r.s.Shutdown(ctx)
	stuck, is := errors.AsType[*sup.StuckError](err)
	if !is {
		return wordOf(err)
	}
	paths := make([]string, len(stuck.Children))
	for i, c := range stuck.Children {
		paths[i] = c.Path
	}
	return strings.TrimSpace("left: " + strings.Join(paths, ", "))
}

// end checks that nothing is left once hanging code is released. The bubble counts the
// goroutines.
func (r *rig) end() {
	began := time.Now()
	if err := r.s.Shutdown(context.Background()); err != nil {
		r.t.Errorf("Shutdown, when nothing hangs any more: %v", err)
	}
	if took := time.Since(began); took != 0 {
		r.t.Errorf("Shutdown, when nothing hangs any more, took %v", took)
	}
	synctest.Wait()
	select {
	case <-r.s.Done():
	default:
		r.t.Error("the supervisor is not done")
	}
	if err := r.s.Err(); err != nil {
		r.t.Errorf("the supervisor ended with %v", err)
	}
	for _, c := range r.s.Children() {
		if !c.State.AtRest() {
			r.t.Errorf("%s is %v", c.ID, c.State)
		}
	}
	r.kept()
}
