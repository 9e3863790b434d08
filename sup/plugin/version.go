package plugin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// version identifies the content of a file without reading it, as far as possible. The
// zero version means no file.
type version struct {
	target  string // the path of the file, with symbolic links resolved
	size    int64
	changed time.Time
	mode    fs.FileMode
	id      any // differs if another file took the place of this one; nil if unknown
	// status is the time of the last change of the file or its metadata, including
	// changed, which programs that unpack files may set to any time. Zero if unknown.
	status time.Time
}

func (v version) exists() bool { return v.target != "" }

// equalButStatus reports whether two versions differ in status at most. Then only the
// contents can tell them apart.
func (v version) equalButStatus(other version) bool {
	v.status, other.status = time.Time{}, time.Time{}
	return v == other
}

// readVersion returns the version of a file, or the zero version if the file is missing
// or is not a plugin. All other failures are errors, because a file that cannot be
// examined now has not been removed.
func readVersion(path string) (version, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return version{}, unlessMissing(err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return version{}, unlessMissing(err)
	}
	if !info.Mode().IsRegular() || !isExecutable(info) {
		return version{}, nil
	}
	id, status := fileID(info)
	return version{target, info.Size(), info.ModTime(), info.Mode(), id, status}, nil
}

// unlessMissing returns nil if err says that a file is missing, else err.
func unlessMissing(err error) error {
	if os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) || strings.Contains(err.Error(), "too many links") { // the text of filepath.EvalSymlinks
		return nil
	}
	return err
}

func isExecutable(info fs.FileInfo) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(filepath.Ext(info.Name()), ".exe")
	}
	return info.Mode().Perm()&0o111 != 0
}

// content identifies the content of a file. The zero content is unknown and is equal to
// no other.
type content struct {
	sum   [sha256.Size]byte
	known bool
}

func (c content) equal(other content) bool { return c.known && c == other }

// readContent reads a file. The content is unknown, without an error, if the host may
// execute the file but not read it.
func readContent(ctx context.Context, path string) (content, error) {
	// O_NONBLOCK, because a FIFO may have taken the place of the file.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if os.IsPermission(err) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return content{}, fmt.Errorf("%s: no longer a regular file: %w", path, fs.ErrNotExist)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, contextReader{ctx, file}); err != nil {
		return content{}, err
	}
	return content{[sha256.Size]byte(hash.Sum(nil)), true}, nil
}

// contextReader is a reader that fails when its context ends.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(b)
}

// listPlugins returns the plugins in a directory by name. unknown has the errors of the
// files that could not be examined. A directory that does not exist has no plugins.
func listPlugins(dir string, ignore func(name string) bool) (found map[string]version, unknown map[string]error, err error) {
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
		v, err := readVersion(filepath.Join(dir, name))
		if err != nil {
			unknown[name] = err
		} else if v.exists() {
			found[name] = v
		}
	}
	return found, unknown, nil
}

// Leftover reports whether a file name is one of a backup, of a temporary file, or of a
// file that a package manager sets aside:
//
//   - backups and files of a merge: p~, p.bak, p.old, p.orig, p.rej, p.save
//   - editors: #p#, p.swp, p.swo, p.swx, 4913
//   - dpkg and ucf: p.dpkg-new, p.dpkg-old, p.dpkg-dist, p.dpkg-tmp and similar names,
//     p.ucf-new, p.ucf-old, p.ucf-dist
//   - rpm: p.rpmnew, p.rpmsave, p.rpmorig, and p;5f3c2d1a while rpm unpacks
//   - pacman and apk: p.pacnew, p.pacsave, p.pacorig, p.apk-new
//   - transfers: p.part, p.partial, p.filepart, p.crdownload, p.tmp, p.temp
//
// Case is ignored. Leftover is the default of [DirSpec].Ignore. A [Dir] ignores names
// that begin with a dot in any case.
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
