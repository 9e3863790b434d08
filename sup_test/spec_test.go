package sup_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// faultsOf returns the faults in an error as "path field", in order.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	spec, ok := errors.AsType[*sup.SpecError](err)
	if !ok || !errors.Is(err, sup.ErrSpec) {
		t.Fatalf("got %v, want a SpecError", err)
	}
	var all []string
	for _, f := range spec.Faults {
		all = append(all, f.Path+" "+f.Field)
		if f.Problem == "" || !strings.Contains(err.Error(), f.Path+": ") || !strings.Contains(err.Error(), f.Field+": "+f.Problem) {
			t.Errorf("%q does not contain the fault %q", err, f)
		}
	}
	return all
}

// S3: The whole spec is checked before anything begins. One error lists all
// faults, each with the path of its child.
func TestStartReportsAllFaultsOfASpecBeforeAnythingBegins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		begun := false
		ok := func(context.Context) (*fake, error) { begun = true; return &fake{}, nil }
		s, err := sup.Start(t.Context(), sup.Spec[*fake]{
			Name:         "root",
			Strategy:     9,
			AutoShutdown: 9,
			Intensity:    sup.Intensity{Restarts: -2, Within: -1},
			Observers:    []sup.Observer{nil},
			Children: []sup.ChildSpec[*fake]{
				{ID: "good", Start: ok},
				{ID: "no start"},
				{ID: "", Start: ok},
				{ID: "twice", Start: ok},
				{ID: "twice", Start: ok},
				{ID: "a/b", Start: ok, Shutdown: -1},
				{ID: "times", Start: ok, StartTimeout: -1, Watchdog: -1,
					Backoff: sup.Backoff{Min: -1, Max: -1, ResetAfter: -1}, Budget: sup.Intensity{Restarts: 1, Within: -1}},
				{ID: "significant", Start: ok, Significant: true},
				{ID: "enumerations", Start: ok, Restart: 9, Stuck: 9},
				{ID: "backoff", Start: ok, Backoff: sup.Backoff{Min: time.Hour}, Budget: sup.Intensity{Restarts: 1, Within: time.Second}},
			},
		})
		if s != nil || begun {
			t.Errorf("supervisor %v, begun %v", s, begun)
		}
		want := []string{
			"root Strategy",
			"root AutoShutdown",
			"root Intensity",
			"root Intensity.Within",
			"root Observers",
			"root/no start Start",
			"root/a%2Fb Shutdown",
			"root/times StartTimeout",
			"root/times Watchdog",
			"root/times Backoff.Min",
			"root/times Backoff.Max",
			"root/times Backoff.ResetAfter",
			"root/times Budget.Within",
			"root/significant Significant",
			"root/enumerations Restart",
			"root/enumerations Stuck",
			"root/backoff Backoff",
			"root ID",
			"root/twice ID",
		}
		if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}

// S3, O1: Each fault of a child is found, both in a declared child and in one
// that is added.
func TestEachFaultOfAChildIsFound(t *testing.T) {
	const path = "supervisor/w "
	for _, test := range []struct {
		name string
		auto sup.AutoShutdown
		spec sup.ChildSpec[*fake]
		want []string // nil if the child is legal
	}{
		{name: "nothing"},
		{name: "significant with permanent", auto: sup.AutoShutdownAnySignificant, spec: sup.ChildSpec[*fake]{Significant: true},
			want: []string{path + "Significant"}},
		{name: "significant without auto-shutdown", spec: sup.ChildSpec[*fake]{Significant: true, Restart: sup.Transient},
			want: []string{path + "Significant"}},
		{name: "significant, legally", auto: sup.AutoShutdownAllSignificant, spec: sup.ChildSpec[*fake]{Significant: true, Restart: sup.Temporary}},
		{name: "negative shutdown", spec: sup.ChildSpec[*fake]{Shutdown: -time.Second}, want: []string{path + "Shutdown"}},
		{name: "brutal", spec: sup.ChildSpec[*fake]{Shutdown: sup.Brutal}},
		{name: "infinity", spec: sup.ChildSpec[*fake]{Shutdown: sup.Infinity}},
		{name: "negative start timeout", spec: sup.ChildSpec[*fake]{StartTimeout: math.MinInt64}, want: []string{path + "StartTimeout"}},
		{name: "negative watchdog", spec: sup.ChildSpec[*fake]{Watchdog: -1}, want: []string{path + "Watchdog"}},
		{name: "factor below one", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: 1, Factor: 0.5}}, want: []string{path + "Backoff.Factor"}},
		{name: "factor that is no number", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: 1, Factor: math.NaN()}}, want: []string{path + "Backoff.Factor"}},
		{name: "jitter above one", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: 1, Jitter: 1.1}}, want: []string{path + "Backoff.Jitter"}},
		{name: "jitter that is no number", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: 1, Jitter: math.NaN()}}, want: []string{path + "Backoff.Jitter"}},
		{name: "max below min", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: 2, Max: 1}}, want: []string{path + "Backoff.Max"}},
		{name: "backoff without min", spec: sup.ChildSpec[*fake]{Backoff: sup.Backoff{Max: 1}}, want: []string{path + "Backoff.Min"}},
		{name: "budget below unlimited", spec: sup.ChildSpec[*fake]{Budget: sup.Intensity{Restarts: -2}}, want: []string{path + "Budget"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				test.spec.ID, test.spec.Start = "w", makes(fake{})
				s := start(t, sup.Spec[*fake]{AutoShutdown: test.auto})
				_, added := s.StartChild(t.Context(), test.spec)
				declared, err := sup.Start(t.Context(), sup.Spec[*fake]{AutoShutdown: test.auto, Children: []sup.ChildSpec[*fake]{test.spec}})
				if test.want == nil {
					if added != nil || err != nil {
						t.Fatalf("StartChild: %v, Start: %v", added, err)
					}
					if err := declared.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
					return
				}
				for _, err := range []error{added, err} {
					if diff := cmp.Diff(test.want, faultsOf(t, err)); diff != "" {
						t.Errorf("faults (-want +got):\n%s", diff)
					}
				}
				if got := states(s); got != "" {
					t.Errorf("left behind: %s", got)
				}
			})
		})
	}
}

// S3: A budget that the child's own backoff keeps from being exceeded is a
// fault. A budget that can be exceeded is legal.
func TestABackoffThatNeverLetsTheBudgetTripIsAFault(t *testing.T) {
	const s = time.Second
	for _, test := range []struct {
		name    string
		backoff sup.Backoff
		budget  sup.Intensity
		fault   bool
	}{
		{"one wait as long as the window", sup.Backoff{Min: s}, sup.Intensity{Restarts: 1, Within: s}, false},
		{"one wait longer than the window", sup.Backoff{Min: s + 1}, sup.Intensity{Restarts: 1, Within: s}, true},
		{"constant waits that fit", sup.Backoff{Min: s, Max: s}, sup.Intensity{Restarts: 5, Within: 5 * s}, false},
		{"constant waits that do not", sup.Backoff{Min: s, Max: s}, sup.Intensity{Restarts: 5, Within: 5*s - 1}, true},
		{"growing waits that fit", sup.Backoff{Min: s}, sup.Intensity{Restarts: 3, Within: 7 * s}, false},
		{"growing waits that do not", sup.Backoff{Min: s}, sup.Intensity{Restarts: 3, Within: 7*s - 1}, true},
		{"waits that grow up to Max", sup.Backoff{Min: s, Max: 2 * s}, sup.Intensity{Restarts: 4, Within: 7 * s}, false},
		{"waits that start over earlier", sup.Backoff{Min: s, Factor: 100, Max: time.Hour, ResetAfter: s}, sup.Intensity{Restarts: 3, Within: 5 * s}, false},
		{"jitter that may take all off", sup.Backoff{Min: time.Hour, Jitter: 1}, sup.Intensity{Restarts: 9, Within: 1}, false},
		{"jitter that may take half off", sup.Backoff{Min: 2 * s, Max: 2 * s, Jitter: 0.5}, sup.Intensity{Restarts: 2, Within: 2 * s}, false},
		{"jitter that takes too little off", sup.Backoff{Min: 2 * s, Max: 2 * s, Jitter: 0.4}, sup.Intensity{Restarts: 2, Within: 2 * s}, true},
		{"the window's default of five seconds", sup.Backoff{Min: 6 * s}, sup.Intensity{Restarts: 1}, true},
		{"no restart at all", sup.Backoff{Min: time.Hour}, sup.Intensity{Restarts: 0, Within: s}, false},
		{"unlimited", sup.Backoff{Min: time.Hour}, sup.Unlimited, false},
		{"no backoff", sup.Backoff{}, sup.Intensity{Restarts: 1e9, Within: 1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				running, err := sup.Start(t.Context(), lone(sup.ChildSpec[*fake]{
					Start: makes(fake{}), Backoff: test.backoff, Budget: test.budget,
				}))
				if err == nil {
					defer running.Shutdown(t.Context())
				}
				if test.fault != errors.Is(err, sup.ErrSpec) {
					t.Errorf("Start: %v", err)
				}
			})
		})
	}
}

// S3: The id of an added child is checked like that of a declared child.
func TestAChildWithoutAnIDCannotBeAdded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{})
		if diff := cmp.Diff([]string{"supervisor/ ID", "supervisor/ Start"}, faultsOf(t, err)); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}

// S3: A child that is added with faults could not be added. The error names the
// call, and the handle reports that the child does not exist.
func TestStartChildReturnsTheFaultsOfTheAddedChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Name: "root"})
		h, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "a"})
		call, ok := errors.AsType[*sup.CallError](err)
		if !ok || call.Op != "start child" || call.Path != "root/a" {
			t.Errorf("%v is not an error of the call", err)
		}
		if !strings.HasPrefix(err.Error(), "root/a: start child: invalid spec: ") {
			t.Error(err)
		}
		if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("the handle waits: %v", err)
		}
	})
}

// S3: Ids and names are printable. A character that would break the line of a
// path is a fault.
func TestAControlCharacterInAnIDOrANameIsAFault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		spec := sup.Spec[*fake]{Name: "ro\not", Children: []sup.ChildSpec[*fake]{
			{ID: "a\x00", Start: makes(fake{})}, {ID: "é ü ☃", Start: makes(fake{})}, {ID: "b\u0085", Start: makes(fake{})},
		}}
		_, err := sup.Start(t.Context(), spec)
		want := []string{"ro%0Aot Name", "ro%0Aot/a%00 ID", "ro%0Aot/b\u0085 ID"}
		if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
		s := start(t, sup.Spec[*fake]{})
		_, err = s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "\x7f", Start: makes(fake{})})
		if diff := cmp.Diff([]string{"supervisor/%7F ID"}, faultsOf(t, err)); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}

// S3: The keys of a set are not declared and may hold any character. A path
// shows each key on one line.
func TestAControlCharacterInAKeyIsEscaped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[string, *fake]{
			Name: "set", Start: func(context.Context, string) (*fake, error) { return &fake{}, nil },
		})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer k.Shutdown(context.Background())
		if _, err := k.StartChild(t.Context(), "two\nlines%"); err != nil {
			t.Fatal(err)
		}
		_, err := k.StartChild(t.Context(), "two\nlines%")
		if call, ok := errors.AsType[*sup.CallError](err); !ok || call.Path != "set/two%0Alines%25" {
			t.Error(err)
		}
		if err := sup.Control(k).TerminateChild(t.Context(), sup.Target{Path: "set/two%0Alines%25"}); err != nil {
			t.Error(err)
		}
	})
}

// S3: The text of an error lists at most twenty faults and the number of all.
// The error holds all.
func TestTheTextOfManyFaultsIsShort(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for n, lines := range map[int]int{20: 21, 21: 22, 22: 22, 100_000: 22} { // a single further fault is listed instead of counted
			unnamed := slices.Repeat([]sup.ChildSpec[*fake]{{Start: makes(fake{})}}, n)
			_, err := sup.Start(t.Context(), sup.Spec[*fake]{Name: "root", Children: unnamed})
			if spec, ok := errors.AsType[*sup.SpecError](err); !ok || len(spec.Faults) != n {
				t.Fatalf("%d faults are missing", n)
			}
			if got := strings.Count(err.Error(), "\n") + 1; got != lines {
				t.Errorf("%d faults make %d lines, want %d:\n%s", n, got, lines, err)
			}
			if n == 100_000 && !strings.HasSuffix(err.Error(), "\n\tand 99980 more") {
				t.Error(err)
			}
		}
	})
}

// S3: A handle belongs to one child, and a supervisor is one child.
func TestAHandleOrSupervisorDeclaredTwiceIsAFault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var tree struct {
			sup.Tree
			A sup.Child[*fake]
			K sup.Keyed[string, *fake]
		}
		set := sup.KeyedSpec[string, *fake]{Name: "k", Start: func(context.Context, string) (*fake, error) { return &fake{}, nil }}
		nested := newSupervisor(ample, sup.ChildSpec[*fake]{ID: "x", Start: makes(fake{})})
		keyed := tree.K.Declare(set)
		set.Name = "k2"
		tree.Declare(sup.TreeSpec{Name: "root"},
			tree.A.Declare(sup.ChildSpec[*fake]{ID: "a", Start: makes(fake{})}),
			tree.A.Declare(sup.ChildSpec[*fake]{ID: "b", Start: makes(fake{})}),
			keyed, tree.K.Declare(set),
			sup.Nest(nested, sup.ChildSpec[*sup.Supervisor[*fake]]{ID: "c"}),
			sup.Nest(nested, sup.ChildSpec[*sup.Supervisor[*fake]]{ID: "d"}),
		)
		want := []string{"root/b Declare", "root/k2 Declare", "root/d Declare"}
		if diff := cmp.Diff(want, faultsOf(t, tree.Start(t.Context()))); diff != "" {
			t.Errorf("faults (-want +got):\n%s", diff)
		}
	})
}

// S3: Validate does the checks of Start without starting anything.
func TestValidateReturnsTheErrorThatStartWouldReturn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		never := func(context.Context) (*fake, error) {
			t.Error("Validate called a function of the spec")
			return nil, errors.New("called")
		}
		bad := sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
			{ID: "a/b", Start: never, Shutdown: -1},
			{ID: "backoff", Start: never, Backoff: sup.Backoff{Min: time.Hour}, Budget: sup.Intensity{Restarts: 1, Within: time.Second}},
		}}
		_, err := sup.Start(t.Context(), bad)
		if diff := cmp.Diff(faultsOf(t, err), faultsOf(t, bad.Validate())); diff != "" {
			t.Errorf("faults (-Start +Validate):\n%s", diff)
		}
		if got, want := bad.Validate().Error(), err.Error(); got != want {
			t.Errorf("Validate: %q, Start: %q", got, want)
		}
		good := sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "a", Start: never}}}
		if err := good.Validate(); err != nil {
			t.Errorf("Validate of a good spec: %v", err)
		}
	})
}
