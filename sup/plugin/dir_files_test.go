//go:build unix

package plugin_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

func TestAFileWithNewContentAndTheSameSizeTimeAndInodeIsANewVersion(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	path := filepath.Join(f.path, "a")
	epoch := time.Unix(0, 0)
	if err := os.Chtimes(path, epoch, epoch); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	w := f.watch()
	w.becomes("a=1")
	if err := os.WriteFile(path, []byte(script(t, "grpc", "2")), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, epoch, epoch); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		t.Fatal("the files differ")
	}
	w.becomes("a=2")
}

func TestAPluginIsNotUpgradedWhenOnlyTheStatusOfItsFileChanges(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	var log records
	w := f.watch(func(s *plugin.DirSpec[Words]) { s.Logger = log.logger(0) })
	w.becomes("a=1")
	first, err := w.Plugins.Child("a").Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pid := first.Pid()
	if err := os.Link(filepath.Join(f.path, "a"), filepath.Join(f.path, ".link")); err != nil {
		t.Fatal(err)
	}
	f.put("b", "grpc", "1") // earlier changes are applied when this one is
	w.becomes("a=1 b=1")
	f.put("b", "grpc", "2")
	w.becomes("a=1 b=2")
	if now := first.Pid(); now != pid {
		t.Error("the process was replaced")
	}
	if strings.Contains(log.String(), "plugin=a action=upgrade") {
		t.Errorf("upgraded:\n%s", &log)
	}
}

func TestWithoutNotificationsADirectoryIsPolled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	f := newFolder(t)
	f.put("a", "grpc", "1")
	restore := plugin.WithoutNotifications(syscall.EMFILE)
	defer restore()
	var log records
	w := f.watch(func(s *plugin.DirSpec[Words]) {
		s.Logger = log.logger(0)
		s.Rescan = 2 * time.Second
	})
	if why := w.Polled(); !errors.Is(why, syscall.EMFILE) {
		t.Error(why)
	}
	if !strings.Contains(log.String(), "polling plugin directory") {
		t.Errorf("not in the log:\n%s", &log)
	}
	w.becomes("a=1")
	f.put("b", "grpc", "1")
	w.becomes("a=1 b=1")
	restore()
	eventually(t, "notifications are used again", func() bool { return w.Polled() == nil })
	f.put("b", "grpc", "2")
	w.becomes("a=1 b=2")
}

func TestLeftoverFilesAreNotPlugins(t *testing.T) {
	leftovers := []string{
		"p~", "p.bak", "p.BAK", "p.orig", "p.rej", "p.old", "#p#", "p.swp", "4913", "p.dpkg-new", "p.dpkg-old", "p.ucf-dist",
		"p.rpmnew", "p.rpmsave", "p;5f3c2d1a", "p.pacnew", "p.apk-new", "p.part", "p.tmp", ".p.swp", ".p.swx", ".#p",
	}
	f := newFolder(t)
	for _, name := range leftovers {
		path := filepath.Join(f.path, name)
		if err := os.WriteFile(path, []byte(script(t, "grpc", "0")), 0o755); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, ".") && !plugin.Leftover(name) {
			t.Errorf("%s is not a leftover", name)
		}
	}
	names := []string{"p", "p.1", "p-old", "backup", "p.sh", "p;1", "4914"}
	for _, name := range names {
		if plugin.Leftover(name) {
			t.Errorf("%s is a leftover", name)
		}
	}
	f.put("p", "grpc", "1")
	w := f.watch()
	w.becomes("p=1")
	f.put("q.bak", "grpc", "1")
	f.put("r", "grpc", "1")
	w.becomes("p=1 r=1")
	all := f.watch(func(s *plugin.DirSpec[Words]) { s.Ignore = func(name string) bool { return name != "q.bak" } })
	all.becomes("q.bak=1")
}

// The clock of a file server may be behind, so that a file just written looks old.
func TestAHalfWrittenFileWithAnOldTimeIsNotStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	patience.Scale(t, time.Second, func(settle time.Duration) error {
		f := newFolder(t)
		w := f.watch(func(s *plugin.DirSpec[Words]) { s.Settle = settle })
		path := filepath.Join(f.path, "a")
		content := ""
		write := func(more string) {
			content += more
			temp := filepath.Join(f.path, ".a")
			hourAgo := time.Now().Add(-time.Hour)
			err := errors.Join(os.WriteFile(temp, []byte(content), 0o755), os.Chtimes(temp, hourAgo, hourAgo), os.Rename(temp, path))
			if err != nil {
				t.Fatal(err)
			}
		}
		first, rest, _ := strings.Cut(script(t, "grpc", "1"), "\n")
		write(first + "\n")
		for range 10 { // a slow writer: the script runs at any time, but is not a plugin yet
			time.Sleep(settle / 10)
			write("# more\n")
		}
		if p, there := w.one("a"); there {
			return fmt.Errorf("started while it was written: %+v", p)
		}
		write(rest)
		w.becomes("a=1")
		if p, _ := w.one("a"); p.Info.Incarnation != 1 {
			return fmt.Errorf("started %d times", p.Info.Incarnation)
		}
		return nil
	})
}

func TestADirectoryThatOthersMayChangeIsRefused(t *testing.T) {
	const nobody = 65534
	for _, c := range []struct {
		name string
		make func(top, dir, file string) error
		says string
	}{
		{"all may write", func(_, dir, _ string) error { return os.Chmod(dir, 0o777) }, "drwxrwxrwx"},
		{"all may add", func(_, dir, _ string) error { return os.Chmod(dir, 0o777|fs.ModeSticky) }, "rwxrwxrwx"},
		{"a group may write", func(_, dir, _ string) error {
			return errors.Join(os.Chown(dir, -1, nobody), os.Chmod(dir, 0o775))
		}, "drwxrwxr-x"},
		{"it belongs to another user", func(_, dir, _ string) error { return os.Chown(dir, nobody, -1) }, "owner 65534"},
		{"all may write above", func(top, _, _ string) error { return os.Chmod(top, 0o777) }, "drwxrwxrwx"},
		{"a directory above belongs to another user", func(top, _, _ string) error { return os.Chown(top, nobody, -1) }, "owner 65534"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() != 0 && strings.Contains(c.says, "65534") || strings.Contains(c.name, "group") && os.Geteuid() != 0 {
				t.Skip("only root may change owners, and the group of root may write")
			}
			top := t.TempDir()
			f := folder{t, filepath.Join(top, "plugins")}
			if err := os.Mkdir(f.path, 0o755); err != nil {
				t.Fatal(err)
			}
			f.put("a", "grpc", "1")
			if err := c.make(top, f.path, filepath.Join(f.path, "a")); err != nil {
				t.Fatal(err)
			}
			_, err := plugin.StartDir(t.Context(), f.dirSpec())
			if !errors.Is(err, plugin.ErrInsecure) || !strings.Contains(err.Error(), c.says) {
				t.Error(err)
			}
			link := folder{t, filepath.Join(t.TempDir(), "link")}
			if err := os.Symlink(f.path, link.path); err != nil {
				t.Fatal(err)
			}
			if _, err := plugin.StartDir(t.Context(), link.dirSpec()); !errors.Is(err, plugin.ErrInsecure) {
				t.Error("through a link:", err)
			}
			w := f.watch(func(s *plugin.DirSpec[Words]) { s.AllowInsecure = true })
			w.becomes("a=1")
		})
	}
}

func TestADirectoryBelowAStickyOneIsAccepted(t *testing.T) {
	top := t.TempDir()
	if err := os.Chmod(top, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	f := folder{t, filepath.Join(top, "plugins")}
	if err := os.Mkdir(f.path, 0o755); err != nil {
		t.Fatal(err)
	}
	f.put("a", "grpc", "1")
	f.watch().becomes("a=1")
}

func TestAFileThatOthersMayChangeIsRefused(t *testing.T) {
	f := newFolder(t)
	f.put("bad", "grpc", "1")
	f.put("good", "grpc", "1")
	bad := filepath.Join(f.path, "bad")
	if err := os.Chmod(bad, 0o777); err != nil {
		t.Fatal(err)
	}
	w := f.watch()
	eventually(t, "the plugin is refused", func() bool {
		p, _ := w.one("bad")
		return errors.Is(p.Failed, plugin.ErrInsecure) && p.Path == bad
	})
	if err := os.Chmod(bad, 0o755); err != nil {
		t.Fatal(err)
	}
	w.becomes("bad=1 good=1")
	if err := os.Chmod(f.path, 0o777); err != nil {
		t.Fatal(err)
	}
	f.put("good", "grpc", "2")
	eventually(t, "an upgrade is refused after the directory has changed", func() bool {
		p, _ := w.one("good")
		return errors.Is(p.Failed, plugin.ErrInsecure)
	})
	w.becomes("bad=1 good=1")
	f.remove("bad")
	eventually(t, "a removed file is not listed", func() bool { _, there := w.one("bad"); return !there })
}

func TestADirIsReadyWhenAllPluginsHaveBeenStarted(t *testing.T) {
	f := newFolder(t)
	f.put("a", "grpc", "1")
	f.put("b", "grpc", "1")
	w := f.watch()
	for _, name := range []string{"a", "b"} {
		if p, there := w.one(name); !there || p.Info.State == sup.StateStopped {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
