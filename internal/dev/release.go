package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/progress"
)

// release says what a release would tag, and what stands in its way. All published modules
// have one version, which is the one at which they require each other.
func release(ctx context.Context, log *progress.Log, args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	tag := flags.Bool("tag", false, "create the tags")
	set := flags.String("set", "", "prepare a `version`: let the modules require each other at it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := modules(ctx)
	if err != nil {
		return err
	}
	if *set != "" {
		return setVersion(ctx, log, all, *set)
	}
	version, faults := versionOf(all)
	more, err := faultsOf(ctx, all, version)
	if err != nil {
		return err
	}
	faults = append(faults, more...)
	if version != "" {
		head, err := git(ctx, "log", "-1", "--format=%h %s")
		if err != nil {
			return err
		}
		log.Print(plan(all, version, head))
	}
	switch {
	case len(faults) > 0:
		for _, fault := range faults {
			log.Printf("release: %v", fault)
		}
		return errReported
	case !*tag:
		log.Printf("Nothing is tagged yet: \"make release TAG=1\" creates these tags here, and \"git push origin TAG...\" publishes them.")
		return nil
	}
	return createTags(ctx, log, all, version)
}

// plan returns which tags the release has.
func plan(all []module, version, head string) string {
	text := fmt.Sprintf("release %s of commit %s\ntags:", version, head)
	var rest []string
	for _, m := range all {
		if m.published() {
			text += fmt.Sprintf("\n\t%-32s %s", m.tag(version), m.path)
		} else {
			rest = append(rest, m.dir)
		}
	}
	if rest != nil {
		text += "\nnot published: " + strings.Join(rest, ", ")
	}
	return text
}

var semver = regexp.MustCompile(`^v[01]\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(-[0-9A-Za-z.-]+)?$`)

// versionOf returns the version at which the modules require each other.
func versionOf(all []module) (version string, faults []error) {
	paths := make(map[string]module)
	for _, m := range all {
		paths[m.path] = m
	}
	by := make(map[string][]string) // lines, by the version
	for _, m := range all {
		if !m.published() {
			continue
		}
		for _, required := range slices.Sorted(maps.Keys(m.requires)) {
			by[m.requires[required]] = append(by[m.requires[required]], fmt.Sprintf("%s/go.mod: %s", m.dir, required))
			if !paths[required].published() {
				faults = append(faults, fmt.Errorf("%s/go.mod requires %s, which is not published", m.dir, required))
			}
		}
	}
	versions := slices.Sorted(maps.Keys(by))
	switch {
	case len(versions) == 0:
		return "", append(faults, errors.New("no module requires another one, so there is no version: use \"make release SET=v0.1.0\""))
	case len(versions) > 1:
		text := "the modules require each other at several versions: use one, by \"make release SET=vX.Y.Z\""
		for _, v := range versions {
			text += fmt.Sprintf("\n\t%s in %s", v, strings.Join(by[v], ", "))
		}
		return "", append(faults, errors.New(text))
	case !semver.MatchString(versions[0]):
		faults = append(faults, fmt.Errorf("version %s: use one such as v0.2.0; from v2 on, the paths of the modules must end in /v2", versions[0]))
	}
	return versions[0], faults
}

// faultsOf returns what stands in the way of a release in git and in CHANGELOG.md.
func faultsOf(ctx context.Context, all []module, version string) (faults []error, err error) {
	dirty, err := git(ctx, "status", "--porcelain")
	if err != nil {
		return nil, err
	}
	if dirty != "" {
		faults = append(faults, fmt.Errorf("the work tree has changes: commit or remove them\n%s", dirty))
	}
	if version == "" {
		return faults, nil
	}
	tags, err := git(ctx, "tag", "--list")
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.published() && slices.Contains(strings.Fields(tags), m.tag(version)) {
			faults = append(faults, fmt.Errorf("tag %s exists: prepare the next version by \"make release SET=vX.Y.Z\"", m.tag(version)))
		}
	}
	changes, err := os.ReadFile("CHANGELOG.md")
	if err != nil {
		return nil, err
	}
	if !hasSection(string(changes), version) {
		faults = append(faults, fmt.Errorf("CHANGELOG.md has no section \"## %s - DATE\" with a text: rename \"## Unreleased\"", version))
	}
	return faults, nil
}

// hasSection reports whether a changelog has a section of a version that is not empty.
func hasSection(changes, version string) bool {
	var section, text bool
	for line := range strings.Lines(changes) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.Trim(strings.Fields(heading + " -")[0], "[]") == version
		} else if section && strings.TrimSpace(line) != "" {
			text = true
		}
	}
	return text
}

// createTags creates the tags of all published modules, or none.
func createTags(ctx context.Context, log *progress.Log, all []module, version string) error {
	var created []string
	for _, m := range all {
		if !m.published() {
			continue
		}
		if _, err := git(ctx, "tag", "-a", "-m", m.path+" "+version, m.tag(version)); err != nil {
			if len(created) > 0 {
				_, undone := git(context.WithoutCancel(ctx), append([]string{"tag", "-d"}, created...)...)
				err = errors.Join(err, undone)
			}
			return err
		}
		created = append(created, m.tag(version))
	}
	log.Printf("tagged. To publish: git push --atomic origin %s", strings.Join(created, " "))
	return nil
}

// setVersion lets all modules of the repository, and its go.work, use a version of each
// other.
func setVersion(ctx context.Context, log *progress.Log, all []module, version string) error {
	if !semver.MatchString(version) {
		return fmt.Errorf("release: version %s: use one such as v0.2.0", version)
	}
	var add, drop []string // add comes first, so that the lines stay in their block
	for _, m := range all {
		edit := []string{"mod", "edit"}
		for _, required := range slices.Sorted(maps.Keys(m.requires)) {
			edit = append(edit, fmt.Sprintf("-require=%s@%s", required, version))
			if old := m.requires[required]; !m.replaces && old != version {
				drop = append(drop, "-dropreplace="+required+"@"+old)
			}
		}
		if len(edit) == 2 {
			continue
		}
		if _, err := output(ctx, append(edit, m.dir+"/go.mod")...); err != nil {
			return err
		}
		log.Printf("%s/go.mod: %s", m.dir, version)
	}
	for _, m := range all {
		if slices.ContainsFunc(all, func(other module) bool { return !other.replaces && other.requires[m.path] != "" }) {
			dir := "./" + m.dir
			if m.dir == "." {
				dir = "./"
			}
			add = append(add, fmt.Sprintf("-replace=%s@%s=%s", m.path, version, dir))
		}
	}
	slices.Sort(drop)
	if _, err := output(ctx, slices.Concat([]string{"work", "edit"}, add, slices.Compact(drop))...); err != nil {
		return err
	}
	log.Printf("go.work: %s", version)
	return nil
}
