package main

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/progress"
)

// repository creates a git repository with a root module, two published ones, a program
// with replace lines, and a module of tools. It makes it the current directory.
func repository(t *testing.T) {
	t.Helper()
	inEmptyDir(t)
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+who+"_NAME", "tester")
		t.Setenv("GIT_"+who+"_EMAIL", "tester@example.com")
	}
	const root = "example.com/m"
	write(t, "go.mod", "module "+root+"\n\ngo 1.26\n")
	write(t, "a/go.mod", "module "+root+"/a\n\ngo 1.26\n\nrequire "+root+" v0.1.0\n")
	write(t, "b/c/go.mod", "module "+root+"/b/c\n\ngo 1.26\n\nrequire (\n\t"+root+" v0.1.0\n\t"+root+"/a v0.1.0\n\texample.com/other v1.2.3\n)\n")
	write(t, "program/go.mod", "module "+root+"/program\n\ngo 1.26\n\nrequire "+root+" v0.1.0\n\nreplace "+root+" => ../\n")
	write(t, "tools/go.mod", "module "+root+"/tools\n\ngo 1.26\n")
	write(t, "go.work", "go 1.26\n\nuse (\n\t.\n\t./a\n\t./b/c\n)\n\nreplace (\n\t"+root+" v0.1.0 => ./\n\t"+root+"/a v0.1.0 => ./a\n)\n")
	write(t, "CHANGELOG.md", "# Changelog\n\n## v0.1.0 - 2026-12-01\n\n- all\n\n## Unreleased\n")
	mustGit(t, "init", "--quiet")
	commit(t, "all")
}

func commit(t *testing.T, subject string) {
	t.Helper()
	mustGit(t, "add", "-A")
	mustGit(t, "commit", "--quiet", "-m", subject)
}

func mustGit(t *testing.T, args ...string) string {
	t.Helper()
	out, err := git(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// released runs release, and returns what it prints.
func released(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := release(t.Context(), progress.New(&out), args)
	return out.String(), err
}

func TestAReleaseSaysWhatItWouldTag(t *testing.T) {
	repository(t)
	got, err := released(t)
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, want := range []string{
		"release v0.1.0 of commit ", " all\ntags:\n\tv0.1.0 ", "\n\ta/v0.1.0 ", "\n\tb/c/v0.1.0 ",
		"\nnot published: program, tools\n", `Nothing is tagged yet: "make release TAG=1"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if tags := mustGit(t, "tag"); tags != "" {
		t.Errorf("tags %s, want none", tags)
	}

	if got, err := released(t, "-tag"); err != nil || !strings.Contains(got, "git push --atomic origin v0.1.0 a/v0.1.0 b/c/v0.1.0\n") {
		t.Fatalf("%v\n%s", err, got)
	}
	if tags, want := mustGit(t, "tag"), "a/v0.1.0\nb/c/v0.1.0\nv0.1.0"; tags != want {
		t.Errorf("tags %q, want %q", tags, want)
	}
	if got, err := released(t, "-tag"); !errors.Is(err, errReported) || !strings.Contains(got, "release: tag a/v0.1.0 exists: ") {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestAReleaseReportsAllThatStandsInItsWay(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(t *testing.T)
		want []string
	}{
		{"two versions", func(t *testing.T) {
			write(t, "a/go.mod", "module example.com/m/a\n\ngo 1.26\n\nrequire example.com/m v0.2.0\n")
		}, []string{"at several versions: use one, by \"make release SET=vX.Y.Z\"", "v0.1.0 in b/c/go.mod: example.com/m, b/c/go.mod: example.com/m/a", "v0.2.0 in a/go.mod: example.com/m"}},
		{"a strange version", func(t *testing.T) {
			for _, file := range []string{"a/go.mod", "b/c/go.mod"} {
				text, _ := os.ReadFile(file)
				write(t, file, strings.ReplaceAll(string(text), "v0.1.0", "v0.0.0-20260101000000-abcdefabcdef+incompatible"))
			}
		}, []string{"version v0.0.0-20260101000000-abcdefabcdef+incompatible: use one such as v0.2.0"}},
		{"no section, and an empty one", func(t *testing.T) {
			write(t, "CHANGELOG.md", "## v0.1.0\n\n## v0.0.9\n\n- all\n")
		}, []string{`CHANGELOG.md has no section "## v0.1.0 - DATE" with a text`}},
		{"an unpublished requirement", func(t *testing.T) {
			write(t, "a/go.mod", "module example.com/m/a\n\ngo 1.26\n\nrequire example.com/m/program v0.1.0\n")
		}, []string{"a/go.mod requires example.com/m/program, which is not published"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			repository(t)
			test.edit(t)
			write(t, "new", "")
			got, err := released(t, "-tag")
			if !errors.Is(err, errReported) {
				t.Errorf("error %v, want %v", err, errReported)
			}
			for _, want := range append(test.want, "the work tree has changes", "?? new") {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
			if tags := mustGit(t, "tag"); tags != "" {
				t.Errorf("tags %s, want none", tags)
			}
		})
	}
}

func TestSetPreparesTheNextVersion(t *testing.T) {
	repository(t)
	t.Setenv("GOWORK", "")
	if got, err := released(t, "-set", "v0.2.0"); err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	for file, want := range map[string]string{
		"a/go.mod":       "require example.com/m v0.2.0\n",
		"b/c/go.mod":     "example.com/m/a v0.2.0\n",
		"program/go.mod": "require example.com/m v0.2.0\n",
		"go.work":        "replace (\n\texample.com/m v0.2.0 => ./\n\texample.com/m/a v0.2.0 => ./a\n)\n",
	} {
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), want) || strings.Contains(string(text), "v0.1.0") {
			t.Errorf("%v, %s:\n%s\nwant\n%s", err, file, text, want)
		}
	}
	write(t, "CHANGELOG.md", "## [v0.2.0] - 2026-12-02\n\n- all\n")
	commit(t, "v0.2.0")
	if got, err := released(t); err != nil || !strings.Contains(got, "b/c/v0.2.0") {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := released(t, "-set", "0.3"); err == nil || !strings.Contains(err.Error(), "use one such as v0.2.0") {
		t.Errorf("error %v, want one for the version", err)
	}
}
