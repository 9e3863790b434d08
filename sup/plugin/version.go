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
	"strings"
	"syscall"
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
	// status is when anything about the file was changed, the time above included,
	// which programs that unpack files set as they like. Zero where the system does
	// not say.
	status time.Time
}

func (v version) there() bool { return v.target != "" }

// like reports whether another version differs in its status at most. Only the
// content can tell the two apart then.
func (v version) like(other version) bool {
	v.status, other.status = time.Time{}, time.Time{}
	return v == other
}

// look returns the version of a file, or the zero version if it is no plugin, or
// gone. Any other reason not to know it is an error: a file that cannot be looked
// at now has not been removed.
func look(path string) (version, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return version{}, unlessGone(err)
	}
	info, err := os.Stat(target)
	if err != nil {
		return version{}, unlessGone(err)
	}
	if !info.Mode().IsRegular() || !executable(info) {
		return version{}, nil
	}
	id, status := identity(info)
	return version{target, info.Size(), info.ModTime(), info.Mode(), id, status}, nil
}

// unlessGone returns err, or nil if err says that there is no such file.
func unlessGone(err error) error {
	if os.IsNotExist(err) || errors.Is(err, syscall.ENOTDIR) || strings.Contains(err.Error(), "too many links") { // as [filepath.EvalSymlinks] says it
		return nil
	}
	return err
}

func executable(info fs.FileInfo) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(filepath.Ext(info.Name()), ".exe")
	}
	return info.Mode().Perm()&0o111 != 0
}

// content identifies the content of a file. The zero content is that of a file
// that cannot be read, and is like no other.
type content struct {
	sum   [sha256.Size]byte
	known bool
}

func (c content) same(other content) bool { return c.known && c == other }

// readContent reads a file. It fails where a file that may be executed may be
// read, and cannot be now.
func readContent(ctx context.Context, path string) (content, error) {
	// Something that blocks when it is opened may have taken the file's place.
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
	if _, err := io.Copy(hash, readerUntil{ctx, file}); err != nil {
		return content{}, err
	}
	return content{[sha256.Size]byte(hash.Sum(nil)), true}, nil
}

// readerUntil reads until a context ends.
type readerUntil struct {
	ctx  context.Context
	from io.Reader
}

func (r readerUntil) Read(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(b)
}
