package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/internal/progress"
)

var (
	discard = slog.New(slog.DiscardHandler)
	quiet   = progress.New(io.Discard)
)

// calmConfig returns a config without faults. Its timeout is enough for a busy machine.
func calmConfig(t testing.TB, dir string) config {
	return config{dir: dir, plugins: originals, replicas: 2, timeout: 30 * time.Second}
}

// serviceOf returns a service whose host has not been started.
func serviceOf(t testing.TB, c config) *service {
	t.Helper()
	installed, err := prepare(t.Context(), c.plugins, t.TempDir(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	return newService(c, os.DirFS(c.dir), installed, discard, screen{out: io.Discard})
}

func TestEachFileHasOneResultWhateverHappensToThePlugins(t *testing.T) {
	dir := corpus(t, 12)
	seeds := []uint64{1, 2}
	if testing.Short() {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			c := calmConfig(t, dir)
			c.chaos, c.seed = true, seed
			s := serviceOf(t, c)
			var out bytes.Buffer
			if err := s.runHost(t.Context(), true, &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if want := "verified: 111 files, each with one result"; !strings.Contains(out.String(), want) {
				t.Errorf("no %q in the output:\n%s", want, &out)
			}
			for _, why := range []endKind{endKilled, endExited, endUnanswered, endNotStarted} {
				if n, _ := s.ends.Get(why); n == 0 {
					t.Errorf("no plugins that %s", why)
				}
			}
			for _, what := range []string{"chaos: killed ", "chaos: stopped ", "chaos: corrupted the binary ", "chaos: upgrade of outline/0 to a corrupt binary failed", " outline plugins to outline-2 while they worked", " was detected and killed"} {
				if !s.journal.has(what) {
					t.Errorf("no %q in the journal", what)
				}
			}
			if got := s.pools[upgraded].binary(); got != newVersion {
				t.Errorf("what starts next is %s, want %s", got, newVersion)
			}
		})
	}
}

// has reports whether a note contains a text.
func (j *journal) has(text string) bool {
	for _, n := range j.since(0) {
		if strings.Contains(n.text, text) {
			return true
		}
	}
	return false
}

func TestAFileThatEndsItsPluginIsRefusedAndTheOthersAreConverted(t *testing.T) {
	s := serviceOf(t, calmConfig(t, corpus(t, 3)))
	if err := s.runHost(t.Context(), true, io.Discard); err != nil {
		t.Fatal(err)
	}
	results := s.host.Results.Snapshot()
	if got, want := deadly(results), []string{shortTar}; !cmp.Equal(got, want) {
		t.Errorf("deadly are %q, want %q", got, want)
	}
	if got, want := refusals(results), []string{shortTar, notZip}; !cmp.Equal(got, want) {
		t.Errorf("refused are %q, want %q", got, want)
	}
	if got, want := results[shortTar].GetRefusal().GetReason(), "panic: runtime error: index out of range [0] with length 0"; got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
	if got, want := results[notZip].GetRefusal().GetReason(), "zip: not a valid zip file"; got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
	if !results[broken].GetOutline().GetBroken() {
		t.Errorf("%v is not outlined as broken", results[broken])
	}
	if n, _ := s.ends.Get(endExited); n < maxFailures {
		t.Errorf("%d plugins died, want %d or more", n, maxFailures)
	}
}

func TestLargeFilesAreConvertedAndTooLargeOnesRefused(t *testing.T) {
	dir := t.TempDir()
	large := made(t, func(w io.Writer) error { return tarOf(w, "large", strings.Repeat("x", 5<<20)) })
	if err := os.WriteFile(filepath.Join(dir, "large.tar"), large, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "huge.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "huge.md"), content.MaxFile+1); err != nil {
		t.Fatal(err)
	}
	s := serviceOf(t, calmConfig(t, dir))
	if err := s.runHost(t.Context(), true, io.Discard); err != nil {
		t.Fatal(err)
	}
	results := s.host.Results.Snapshot()
	if n := results["large.tar"].GetListing().GetEntries()[0].GetSize(); n != 5<<20 {
		t.Errorf("%d bytes, want %d", n, 5<<20)
	}
	if got, want := results["huge.md"].GetRefusal().GetReason(), "larger than 64 MiB"; got != want {
		t.Errorf("refused with %q, want %q", got, want)
	}
}

var quarantined = regexp.MustCompile(`text/\d was quarantined: text .*: start: no handshake`)

func TestAQuarantinedPluginIsReportedWithItsReasonAndRestarted(t *testing.T) {
	c := calmConfig(t, corpus(t, 3))
	s := serviceOf(t, c)
	s.plan = []fault{{at: 0, what: faultCorrupt, kind: content.TextKind}}
	var out bytes.Buffer
	if err := s.runHost(t.Context(), true, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	// One quarantine is enough, because the operator then repairs the binary for the others.
	if !quarantined.MatchString(out.String()) {
		t.Errorf("no %q in the output:\n%s", quarantined, &out)
	}
	if !s.journal.has("installed the corrupt binary text again") {
		t.Error("the binary was not repaired")
	}
}

func TestOtherKindsAreConvertedWhenNoPluginOfOneKindCanBeStarted(t *testing.T) {
	c := calmConfig(t, corpus(t, 3))
	c.plugins = t.TempDir()
	if err := os.CopyFS(c.plugins, os.DirFS(originals)); err != nil {
		t.Fatal(err)
	}
	s := serviceOf(t, c)
	// The original is corrupted first, and then the installed binary.
	if err := os.WriteFile(filepath.Join(c.plugins, file("text")), []byte("#!/none\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.plan = []fault{{at: 0, what: faultCorrupt, kind: content.TextKind}}
	err := s.runHost(t.Context(), true, io.Discard)
	if !errors.Is(err, errDiffers) {
		t.Errorf("error %v, want %v", err, errDiffers)
	}
	results := s.host.Results.Snapshot()
	for path, r := range results {
		kind, _ := content.KindOf(path)
		refused := strings.Contains(r.GetRefusal().GetReason(), "text plugins: none can be started: text (")
		if refused && kind != content.TextKind {
			t.Errorf("%s was refused: %v", path, r)
		}
		if !refused && kind == content.TextKind {
			t.Errorf("%s: %v, want a refusal", path, r)
		}
	}
	if len(results) != s.host.Found.Len() {
		t.Errorf("%d results of %d files", len(results), s.host.Found.Len())
	}
}

func TestADirectoryWithoutFilesToConvertIsAnError(t *testing.T) {
	err := serviceOf(t, calmConfig(t, t.TempDir())).runHost(t.Context(), false, io.Discard)
	if !errors.Is(err, errNoFiles) {
		t.Errorf("error %v, want %v", err, errNoFiles)
	}
}

func TestTheHostDoesNotStartWithACorruptPlugin(t *testing.T) {
	c := calmConfig(t, corpus(t, 1))
	s := serviceOf(t, c)
	if err := s.binaries.corrupt("picture"); err != nil {
		t.Fatal(err)
	}
	err := s.runHost(t.Context(), false, io.Discard)
	// The replicas start side by side, so either may be the first to fail.
	if err == nil || !strings.Contains(err.Error(), "host/picture/") || !strings.Contains(err.Error(), ": start: ") {
		t.Errorf("error %v, want one that names the plugin", err)
	}
}

func TestAShutdownBeforeTheLastResultIsAnError(t *testing.T) {
	s := serviceOf(t, calmConfig(t, slowCorpus(t)))
	some := s.host.Results.WatchAll(t.Context(), 1)
	stopped := make(chan error)
	go func() {
		for range some {
			break
		}
		stopped <- s.host.Shutdown(context.Background())
	}()
	err := s.runHost(t.Context(), true, io.Discard)
	if !errors.Is(err, errIncomplete) {
		t.Errorf("error %v, want %v", err, errIncomplete)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestACancelledHostSummarizesItsResults(t *testing.T) {
	s := serviceOf(t, calmConfig(t, corpus(t, 30)))
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	some := s.host.Results.WatchAll(ctx, 1)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for range some {
			cancel(enough)
		}
	}()
	var out bytes.Buffer
	err := s.runHost(ctx, true, &out)
	<-watched
	if !errors.Is(err, enough) {
		t.Errorf("error %v, want %v", err, enough)
	}
	if !strings.Contains(out.String(), " of 273 files converted in ") || strings.Contains(out.String(), "verified") {
		t.Errorf("no partial result, or a verified one:\n%s", &out)
	}
}
