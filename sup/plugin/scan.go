package plugin

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// version identifies what is in a file, as far as can be told without reading
// it. The zero version is that of no file.
type version struct {
	target  string // the file, links followed
	size    int64
	changed time.Time
	mode    fs.FileMode
	id      any // tells a file from another that took its place, where the system does
}

func (v version) there() bool { return v.target != "" }

// scan returns the plugins that are in a directory, by name. A directory that
// is not there has none.
func scan(dir string) (map[string]version, error) {
	found := make(map[string]version)
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if v := look(filepath.Join(dir, e.Name())); v.there() {
			found[e.Name()] = v
		}
	}
	return found, nil
}

// look returns the version of a file, or the zero version if it is no plugin,
// or gone.
func look(path string) version {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return version{}
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() || !executable(info) {
		return version{}
	}
	return version{target, info.Size(), info.ModTime(), info.Mode(), fileID(info)}
}

func executable(info fs.FileInfo) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(filepath.Ext(info.Name()), ".exe")
	}
	return info.Mode().Perm()&0o111 != 0
}
