package proc

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// explainStart adds the reason of a failed start that the system leaves out. The
// system reports a missing directory, interpreter or loader like a missing program.
func (c Command) explainStart(program string, err error) error {
	if c.Dir != "" {
		if stat, statErr := os.Stat(c.Dir); statErr != nil {
			return fmt.Errorf("working directory: %w", statErr)
		} else if !stat.IsDir() {
			return &fs.PathError{Op: "chdir", Path: c.Dir, Err: syscall.ENOTDIR}
		}
	}
	reason := ""
	switch {
	case errors.Is(err, syscall.ETXTBSY):
		reason = "file open for writing"
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOEXEC):
		reason = imageFault(c.Dir, program, errors.Is(err, syscall.ENOEXEC), 0)
	}
	if reason == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, reason)
}

const (
	maxShebang = 256 // length of the first line on Linux; other systems allow less
	maxNesting = 5   // interpreters that are scripts themselves, as on Linux
)

// imageFault returns why the system cannot execute an existing file, or "" if the
// file shows no reason. The path is relative to dir. unknownFormat is whether the
// system reported a format that it does not know.
func imageFault(dir, path string, unknownFormat bool, depth int) string {
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	// Only regular files are opened, because a FIFO would wait for a writer.
	if stat, err := os.Stat(path); err != nil || !stat.Mode().IsRegular() || depth > maxNesting {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer file.Close()
	head := make([]byte, maxShebang)
	n, _ := io.ReadFull(file, head)
	head = head[:n]
	switch {
	case n == 0:
		return "empty file"
	case bytes.HasPrefix(head, []byte("#!")):
		line, _, _ := bytes.Cut(head, []byte("\n"))
		return shebangFault(dir, string(line), unknownFormat, depth)
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return elfFault(file, unknownFormat)
	case unknownFormat:
		return `neither a binary of this system nor a script: the first line of a script names its interpreter, as in "#!/bin/sh"`
	}
	return ""
}

// shebangFault returns what is wrong with the first line of a script, or "".
func shebangFault(dir, line string, unknownFormat bool, depth int) string {
	interpreter, _, _ := strings.Cut(strings.TrimLeft(line[len("#!"):], " \t"), " ")
	interpreter, _, _ = strings.Cut(interpreter, "\t")
	switch {
	case strings.HasSuffix(line, "\r"):
		return fmt.Sprintf("shebang line %q ends in CR LF: save the script with LF line endings", line)
	case interpreter == "":
		return fmt.Sprintf("shebang line %q names no interpreter: write, say, \"#!/bin/sh\"", line)
	}
	path := interpreter
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	stat, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("interpreter %q of the shebang line does not exist", interpreter)
	case err != nil:
		return fmt.Sprintf("interpreter %q of the shebang line: %v", interpreter, reasonOf(err))
	case stat.IsDir():
		return fmt.Sprintf("interpreter %q of the shebang line is a directory", interpreter)
	case stat.Mode()&0o111 == 0:
		return fmt.Sprintf("interpreter %q of the shebang line is not executable", interpreter)
	}
	if fault := imageFault(dir, interpreter, unknownFormat, depth+1); fault != "" {
		return fmt.Sprintf("interpreter %q of the shebang line: %s", interpreter, fault)
	}
	return ""
}

// elfFault returns what is wrong with a binary, or "": the file is damaged, the
// loader is missing, or the binary is for another machine.
func elfFault(file io.ReaderAt, unknownFormat bool) string {
	image, err := elf.NewFile(file)
	if err != nil {
		return fmt.Sprintf("damaged binary: %v", err)
	}
	if unknownFormat {
		return fmt.Sprintf("binary for %v does not run on %s", image.Machine, runtime.GOARCH)
	}
	for _, segment := range image.Progs {
		if segment.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, min(segment.Filesz, 4096)) // PATH_MAX
		if _, err := segment.ReadAt(name, 0); err != nil {
			return fmt.Sprintf("damaged binary: %v", err)
		}
		loader := string(bytes.TrimRight(name, "\x00"))
		if _, err := os.Stat(loader); errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("dynamic loader %q does not exist: the binary was built for another C library", loader)
		}
	}
	return ""
}

// reasonOf returns an error without its path, which the text already has.
func reasonOf(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
