package plugin

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scan returns the plugins that are in a directory, by name, and the errors of
// those of which it is not known whether they are. A directory that is not there
// has none.
func scan(dir string, ignore func(name string) bool) (found map[string]version, unknown map[string]error, err error) {
	found, unknown = make(map[string]version), make(map[string]error)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return found, unknown, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || ignore(name) {
			continue
		}
		v, err := look(filepath.Join(dir, name))
		if err != nil {
			unknown[name] = err
		} else if v.there() {
			found[name] = v
		}
	}
	return found, unknown, nil
}

// Leftover reports whether a name is one of a backup, a temporary file, or what a
// package manager sets aside:
//
//   - a backup or what a merge has left: p~, p.bak, p.old, p.orig, p.rej, p.save
//   - of an editor: #p#, p.swp, p.swo, p.swx, 4913
//   - of dpkg and ucf: p.dpkg-new, p.dpkg-old, p.dpkg-dist, p.dpkg-tmp and the like,
//     p.ucf-new, p.ucf-old, p.ucf-dist
//   - of rpm: p.rpmnew, p.rpmsave, p.rpmorig, and p;5f3c2d1a while it unpacks
//   - of pacman and apk: p.pacnew, p.pacsave, p.pacorig, p.apk-new
//   - of a transfer: p.part, p.partial, p.filepart, p.crdownload, p.tmp, p.temp
//
// It is the default of [DirSpec].Ignore. Letters of either case count; names that
// begin with a dot are no plugins anyway.
func Leftover(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, "~") || name == "4913" || strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return true
	}
	if before, id, found := strings.Cut(name, ";"); found && before != "" && len(id) == 8 && strings.Trim(id, "0123456789abcdef") == "" {
		return true
	}
	ending := filepath.Ext(name)
	return slices.Contains(leftoverEndings, ending) || strings.HasPrefix(ending, ".dpkg-") || strings.HasPrefix(ending, ".ucf-")
}

var leftoverEndings = []string{
	".bak", ".old", ".orig", ".rej", ".save",
	".swp", ".swo", ".swx",
	".rpmnew", ".rpmsave", ".rpmorig", ".pacnew", ".pacsave", ".pacorig", ".apk-new",
	".part", ".partial", ".filepart", ".crdownload", ".tmp", ".temp",
}
