package sup

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// A Fault is one thing that is wrong with a spec.
type Fault struct {
	Path    string // path of the child or the supervisor
	Field   string // field of Spec or ChildSpec, such as "Backoff.Min"
	Problem string // what is wrong, with the value, and what to write instead
}

// String returns "path: field: problem".
func (f Fault) String() string { return f.Path + ": " + f.Field + ": " + f.Problem }

// A SpecError lists all faults of a spec. Nothing has been started. It wraps
// [ErrSpec].
type SpecError struct {
	Path   string  // path of the supervisor
	Faults []Fault // in the order of the children
}

// maxFaultsInText bounds the text of an error about thousands of children.
const maxFaultsInText = 20

// Error returns the first 20 faults, one per line if there are several.
func (e *SpecError) Error() string {
	if len(e.Faults) == 1 {
		f := e.Faults[0]
		return fmt.Sprintf("%s: %v: %s: %s", f.Path, ErrSpec, f.Field, f.Problem)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %v, %d faults:", e.Path, ErrSpec, len(e.Faults))
	for i, f := range e.Faults {
		if i == maxFaultsInText && len(e.Faults) > maxFaultsInText+1 {
			fmt.Fprintf(&b, "\n\tand %d more", len(e.Faults)-i)
			break
		}
		b.WriteString("\n\t" + f.String())
	}
	return b.String()
}

// Unwrap returns ErrSpec.
func (e *SpecError) Unwrap() error { return ErrSpec }

// faults collects the faults of a supervisor or child at a path (S3).
type faults struct {
	path string
	list []Fault
}

func (f *faults) add(field, format string, args ...any) {
	f.list = append(f.list, Fault{f.path, field, fmt.Sprintf(format, args...)})
}

// at collects the faults of the child with an id.
func (f *faults) at(id string, check func(f *faults)) {
	below := &faults{path: joinPath(f.path, id)}
	check(below)
	f.list = append(f.list, below.list...)
}

func (f *faults) checkSupervisor(name string, strategy Strategy, intensity Intensity, auto AutoShutdown, observers []Observer, record int) {
	f.checkText("Name", name)
	if record > maxRecord {
		f.add("Record", "%d is more than %d events: use less", record, maxRecord)
	}
	if strategy > OneForDependents {
		f.add("Strategy", "%v is not a strategy: use OneForOne, OneForAll, RestForOne or OneForDependents", strategy)
	}
	if auto > AutoShutdownAllSignificant {
		f.add("AutoShutdown", "%v is not an AutoShutdown: use AutoShutdownNever, AutoShutdownAnySignificant or AutoShutdownAllSignificant", auto)
	}
	f.checkIntensity("Intensity", intensity)
	for i, o := range observers {
		function, ok := o.(ObserverFunc)
		if o == nil || ok && function == nil {
			f.add("Observers", "observer %d is nil: leave it out", i)
		}
	}
}

func (f *faults) checkIntensity(field string, i Intensity) {
	if i.Restarts < -1 {
		f.add(field, "Restarts is %d: use 0 or more, or Unlimited", i.Restarts)
	}
	f.checkTime(field+".Within", i.Within)
}

func (f *faults) checkTime(field string, d time.Duration) {
	if d < 0 {
		f.add(field, "%v is negative: use 0 for the default, or a time", d)
	}
}

// checkText finds control characters, which would make a path unreadable.
func (f *faults) checkText(field, text string) {
	if i := strings.IndexFunc(text, unicode.IsControl); i >= 0 {
		f.add(field, "%q has a control character at byte %d: use printable characters", text, i)
	}
}

// checkIDs finds ids that are empty or used twice.
func (f *faults) checkIDs(ids []string) {
	first := make(map[string]int, len(ids))
	for i, id := range ids {
		if id == "" {
			f.add("ID", "child %d has no ID: give it one", i)
			continue
		}
		f.at(id, func(f *faults) { f.checkText("ID", id) })
		if j, twice := first[id]; twice {
			f.at(id, func(f *faults) { f.add("ID", "children %d and %d have the same ID: give each its own", j, i) })
			continue
		}
		first[id] = i
	}
}

// checkPolicy finds the faults of one child, whatever its type.
func (f *faults) checkPolicy(p policy, auto AutoShutdown) {
	if p.restart > Temporary {
		f.add("Restart", "%v is not a restart policy: use Permanent, Transient or Temporary", p.restart)
	}
	if p.stuck > StuckEscalate {
		f.add("Stuck", "%v is not a WhenStuck: use StuckWait, StuckAbandon or StuckEscalate", p.stuck)
	}
	if p.significant && p.restart == Permanent {
		f.add("Significant", "a permanent child never ends for good: make it Transient or Temporary")
	}
	if p.significant && auto == AutoShutdownNever {
		f.add("Significant", "has no effect while AutoShutdown of the supervisor is AutoShutdownNever: set AutoShutdown, or leave Significant out")
	}
	if p.shutdown < 0 && p.shutdown != Brutal {
		f.add("Shutdown", "%v is negative: use a time, Infinity or Brutal", p.shutdown)
	}
	f.checkTime("StartTimeout", p.startTimeout)
	f.checkTime("Watchdog", p.watchdog)
	f.checkBackoff(p)
	f.checkIntensity("Budget", p.budget)
}

func (f *faults) checkBackoff(p policy) {
	b, before := p.backoff, len(f.list)
	f.checkTime("Backoff.Min", b.Min)
	f.checkTime("Backoff.Max", b.Max)
	f.checkTime("Backoff.ResetAfter", b.ResetAfter)
	if b.Factor != 0 && !(b.Factor >= 1) { // NaN too
		f.add("Backoff.Factor", "%v makes the waits shorter: use 1 or more, or 0 for 2", b.Factor)
	}
	if !(b.Jitter >= 0 && b.Jitter <= 1) {
		f.add("Backoff.Jitter", "%v is not a fraction: use 0 to 1", b.Jitter)
	}
	if b.Min == 0 && b != (Backoff{}) {
		f.add("Backoff.Min", "is 0, which means no backoff, but other fields are set: set Min too")
	}
	if b.Max != 0 && b.Max < b.Min {
		f.add("Backoff.Max", "%v is less than Min, %v: make it longer, or 0 for the default", b.Max, b.Min)
	}
	if len(f.list) > before || p.budget == (Intensity{}) || p.budget.unlimited() {
		return
	}
	if budget := p.budget.withDefault(Intensity{}); !canTrip(budget, b.withDefaults()) {
		f.add("Backoff", "spaces failures so far apart that Budget, %v, is never used up: lengthen Budget.Within or shorten the waits", budget)
	}
}
