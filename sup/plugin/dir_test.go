//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

// folder is a directory of plugins, which are scripts that start the test binary.
type folder struct {
	*testing.T
	path string
}

func newFolder(t *testing.T) folder { return folder{t, t.TempDir()} }

// script returns a plugin that answers "env VERSION" with a name.
func script(t *testing.T, kind, version string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("#!/bin/sh\nexport GORACE=atexit_sleep_ms=0\n%s='%s' VERSION=%s exec '%s'\n", role, kind, version, self)
}

// put writes a plugin atomically.
func (f folder) put(name, kind, version string) {
	f.Helper()
	f.write(name, script(f.T, kind, version))
}

// write writes a file atomically.
func (f folder) write(name, content string) {
	f.Helper()
	temp := filepath.Join(f.path, "."+name)
	if err := os.WriteFile(temp, []byte(content), 0o755); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(f.path, name)); err != nil {
		f.Fatal(err)
	}
}

func (f folder) remove(name string) {
	f.Helper()
	if err := os.RemoveAll(filepath.Join(f.path, name)); err != nil {
		f.Fatal(err)
	}
}

// watched is the Dir of a folder.
type watched struct {
	*plugin.Dir[Words]
	*testing.T
}

// dirSpec returns the spec of a Dir in which all files but text files are plugins.
func (f folder) dirSpec() plugin.DirSpec[Words] {
	return plugin.DirSpec[Words]{
		Path: f.path,
		Spec: func(path string) (plugin.Spec[Words], bool) {
			spec := specOf(f.T, "")
			spec.Name, spec.Command.Path, spec.Command.Env = "", "", nil
			return spec, filepath.Ext(path) != ".txt"
		},
		Settle:  50 * time.Millisecond,
		Budget:  sup.Intensity{Restarts: 2, Within: time.Hour},
		Backoff: sup.Backoff{Min: time.Millisecond},
	}
}

func (f folder) watch(change ...func(*plugin.DirSpec[Words])) watched {
	f.Helper()
	spec := f.dirSpec()
	for _, c := range change {
		c(&spec)
	}
	d, err := plugin.StartDir(context.Background(), spec)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := d.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
	})
	return watched{d, f.T}
}

// version returns the version with which a plugin answers, or "".
func (w watched) version(name string) (answer string) {
	ctx, cancel := context.WithTimeout(w.Context(), patience.Bound)
	defer cancel()
	_ = plugin.Do(ctx, w.Plugins.Child(name), func(ctx context.Context, p Words) (err error) {
		answer, err = p.Tell(ctx, "env VERSION")
		return err
	})
	return answer
}

// becomes waits until the list of plugins with their versions is want, as in "a=1 b=2".
func (w watched) becomes(want string) {
	w.Helper()
	got := ""
	defer func() {
		if w.Failed() {
			w.Logf("plugins %q, want %q; list: %+v", got, want, w.List())
		}
	}()
	eventually(w, want, func() bool {
		var all []string
		for _, p := range w.List() {
			all = append(all, p.Name+"="+w.version(p.Name))
		}
		got = strings.Join(all, " ")
		return got == want
	})
}

// one returns the description of a plugin.
func (w watched) one(name string) (plugin.DirPlugin, bool) {
	list := w.List()
	i := slices.IndexFunc(list, func(p plugin.DirPlugin) bool { return p.Name == name })
	if i < 0 {
		return plugin.DirPlugin{}, false
	}
	return list[i], true
}

func TestADirAddsUpgradesAndRemovesPluginsAsFilesAppearChangeAndDisappear(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	w := f.watch()
	w.becomes("a=1")
	f.put("b", "grpc", "1")
	w.becomes("a=1 b=1")
	f.put("b", "grpc", "2")
	w.becomes("a=1 b=2")
	for _, name := range []string{"a", "b"} {
		if p, _ := w.one(name); p.Info.Incarnation != 1 {
			t.Errorf("%s has been started %d times", name, p.Info.Incarnation)
		}
	}
	f.remove("a")
	w.becomes("b=2")
	if err := os.Rename(filepath.Join(f.path, "b"), filepath.Join(f.path, "c")); err != nil {
		t.Fatal(err)
	}
	w.becomes("c=2")
	if n := countChildren(); n != 1 {
		t.Errorf("%d processes are running", n)
	}
}

func TestABadPluginIsQuarantinedWithoutEffectOnTheOthers(t *testing.T) {
	for _, kind := range []string{"rubbish", "exit"} {
		t.Run(kind, func(t *testing.T) {
			f := newFolder(t)
			f.put("bad", kind, "1")
			f.put("good", "grpc", "1")
			w := f.watch()
			quarantined := func() bool {
				p, _ := w.one("bad")
				return p.Info.State == sup.StateQuarantined
			}
			eventually(t, "the bad plugin is quarantined", quarantined)
			err := plugin.Do(t.Context(), w.Plugins.Child("bad"), func(context.Context, Words) error { return nil })
			unavailable, ok := errors.AsType[*plugin.UnavailableError](err)
			if !ok || !errors.Is(err, sup.ErrQuarantined) || !errors.Is(unavailable.Last.Err, plugin.ErrHandshake) {
				t.Error(err)
			}
			if v := w.version("good"); v != "1" {
				t.Errorf("the good plugin has version %q", v)
			}
			if p, _ := w.one("good"); p.Info.Incarnation != 1 {
				t.Errorf("the good plugin was started %d times", p.Info.Incarnation)
			}

			f.put("bad", "exit", "2")
			eventually(t, "another bad version gets a new budget", func() bool {
				p, _ := w.one("bad")
				return p.Info.Incarnation == 6
			})
			eventually(t, "the plugin is quarantined again", quarantined)
			f.put("bad", "grpc", "3")
			w.becomes("bad=3 good=1")
		})
	}
}

func TestAPluginContinuesWhenItsNewVersionCannotBeStarted(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	w := f.watch()
	w.becomes("a=1")
	f.put("a", "rubbish", "2")
	eventually(t, "the upgrade has failed", func() bool {
		p, _ := w.one("a")
		return errors.Is(p.Failed, plugin.ErrHandshake)
	})
	w.becomes("a=1")
	f.put("a", "grpc", "3")
	w.becomes("a=3")
	eventually(t, "the failure is cleared", func() bool {
		p, _ := w.one("a")
		return p.Failed == nil
	})
	if p, _ := w.one("a"); p.Info.Incarnation != 1 {
		t.Errorf("started %d times", p.Info.Incarnation)
	}
}

func TestAHalfWrittenFileIsNotStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	patience.Scale(t, 500*time.Millisecond, func(settle time.Duration) error {
		f := newFolder(t)
		w := f.watch(func(s *plugin.DirSpec[Words]) { s.Settle = settle })
		file, err := os.OpenFile(filepath.Join(f.path, "a"), os.O_CREATE|os.O_WRONLY, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		first, rest, _ := strings.Cut(script(t, "grpc", "1"), "\n")
		if _, err := file.WriteString(first + "\n"); err != nil {
			t.Fatal(err)
		}
		for range 10 { // a slow writer: the script runs at any time, but is not a plugin yet
			time.Sleep(settle / 5)
			if _, err := file.WriteString("# more\n"); err != nil {
				t.Fatal(err)
			}
		}
		if _, there := w.one("a"); there {
			return errors.New("started while it was written")
		}
		if _, err := file.WriteString(rest); err != nil {
			t.Fatal(err)
		}
		file.Close()
		w.becomes("a=1")
		if p, _ := w.one("a"); p.Info.Incarnation != 1 {
			return fmt.Errorf("started %d times", p.Info.Incarnation)
		}
		return nil
	})
}

func TestOnlyExecutableFilesThatSpecAcceptsArePlugins(t *testing.T) {
	f := newFolder(t)
	f.put("notes.txt", "grpc", "1")
	f.put(".hidden", "grpc", "1")
	f.put("a", "grpc", "1")
	if err := os.Mkdir(filepath.Join(f.path, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(f.path, "plain")
	if err := os.WriteFile(plain, []byte(script(t, "grpc", "1")), 0o644); err != nil {
		t.Fatal(err)
	}
	w := f.watch()
	w.becomes("a=1")
	if err := os.Chmod(plain, 0o755); err != nil {
		t.Fatal(err)
	}
	w.becomes("a=1 plain=1")
	if err := os.Chmod(plain, 0o644); err != nil {
		t.Fatal(err)
	}
	w.becomes("a=1")
}

func TestLinksAreFollowed(t *testing.T) {
	elsewhere, f := newFolder(t), newFolder(t)
	elsewhere.put("one", "grpc", "1")
	elsewhere.put("two", "grpc", "2")
	link := func(target string) {
		temp := filepath.Join(f.path, ".link")
		if err := os.Symlink(filepath.Join(elsewhere.path, target), temp); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, filepath.Join(f.path, "a")); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	w := f.watch()
	w.becomes("a=1")
	link("two")
	w.becomes("a=2")
	elsewhere.put("two", "grpc", "3")
	w.becomes("a=3")
	elsewhere.remove("two")
	w.becomes("")
}

func TestADirectoryMayDisappearAndReturn(t *testing.T) {
	f := folder{t, filepath.Join(t.TempDir(), "plugins")}
	mkdir := func() {
		if err := os.Mkdir(f.path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mkdir()
	f.put("a", "grpc", "1")
	w := f.watch()
	w.becomes("a=1")
	for i := range 2 {
		if err := os.RemoveAll(f.path); err != nil {
			t.Fatal(err)
		}
		w.becomes("")
		mkdir()
		version := fmt.Sprint(i + 2)
		f.put("a", "grpc", version)
		w.becomes("a=" + version)
		f.put("b", "grpc", version)
		w.becomes("a=" + version + " b=" + version)
	}
}

func TestADirIsAChildThatCanBeRestarted(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	d := plugin.NewDir(f.dirSpec())
	var host sup.Tree
	host.Declare(sup.TreeSpec{Name: "host"}, sup.Nest(d, sup.ChildSpec[*plugin.Dir[Words]]{ID: "plugins"}))
	if err := host.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer host.Shutdown(context.Background())
	w := watched{d, t}
	w.becomes("a=1")
	if err := host.TerminateChild(t.Context(), "plugins"); err != nil {
		t.Fatal(err)
	}
	if n := countChildren(); n != 0 {
		t.Errorf("%d processes are running", n)
	}
	f.put("b", "grpc", "1")
	if err := host.RestartChild(t.Context(), "plugins"); err != nil {
		t.Fatal(err)
	}
	w.becomes("a=1 b=1")
}

func TestADirWithFaultsOrWithoutItsDirectoryDoesNotStart(t *testing.T) {
	_, err := plugin.StartDir(t.Context(), plugin.DirSpec[Words]{Settle: -1, Rescan: -1})
	faults, ok := errors.AsType[*plugin.SpecError](err)
	if !ok || len(faults.Faults) != 4 {
		t.Error(err)
	}
	_, err = plugin.StartDir(t.Context(), folder{t, "/there/is/none"}.dirSpec())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/there/is/none") {
		t.Error(err)
	}
}
