//go:build linux

package proc_test

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup/proc"
)

// The system reports each of these as a missing program, a lack of permission, or a
// wrong format.
func TestAFailedStartNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "#!/bin/sh\n", 0o644)
	missing := write("missing", "#!/no/such/interpreter -x\n", 0o755)
	for _, tt := range []struct {
		name    string
		content string
		want    error
		text    string
	}{
		{"interpreter", "#! /no/such/interpreter\n", fs.ErrNotExist, `no such file or directory: interpreter "/no/such/interpreter" of the shebang line does not exist`},
		{"tab", "#!\t/no/such/interpreter\t-e\n", fs.ErrNotExist, `interpreter "/no/such/interpreter" of the`},
		{"relative", "#!no/such\n", fs.ErrNotExist, `interpreter "no/such" of the shebang line does not exist`},
		{"without end", "#!/no/such", fs.ErrNotExist, `interpreter "/no/such" of the shebang line does not exist`},
		{"CR LF", "#!/bin/sh\r\necho\r\n", fs.ErrNotExist, `shebang line "#!/bin/sh\r" ends in CR LF: save the script with LF line endings`},
		{"CR LF option", "#!/no/such -e\r\n", fs.ErrNotExist, `"#!/no/such -e\r" ends in CR LF`},
		{"not executable", "#!" + plain + "\n", fs.ErrPermission, `interpreter "` + plain + `" of the shebang line is not executable`},
		{"directory", "#!" + dir + "\n", fs.ErrPermission, `interpreter "` + dir + `" of the shebang line is a directory`},
		{"below a file", "#!" + plain + "/x\n", syscall.ENOTDIR, `not a directory`},
		{"interpreter of the interpreter", "#!" + missing + "\n", fs.ErrNotExist, `interpreter "` + missing + `" of the shebang line: interpreter "/no/such/interpreter" of`},
		{"no interpreter", "#! \n", syscall.ENOEXEC, `shebang line "#! " names no interpreter: write, say, "#!/bin/sh"`},
		{"no shebang", "echo hello\n", syscall.ENOEXEC, `the first line of a script names its interpreter, as in "#!/bin/sh"`},
		{"empty", "", syscall.ENOEXEC, "empty file"},
		{"truncated", elf.ELFMAG + "\x02\x01\x01", syscall.ENOEXEC, "damaged binary: "},
		{"loader", program(t, elf.EM_NONE, "/no/such/loader.so"), fs.ErrNotExist, `dynamic loader "/no/such/loader.so" does not exist`},
		{"machine", program(t, elf.EM_S390, ""), syscall.ENOEXEC, "binary for EM_S390 does not run on " + runtime.GOARCH},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := write(strings.ReplaceAll(tt.name, " ", "-"), tt.content, 0o755)
			for _, command := range []proc.Command{{Path: path}, {Path: "./" + filepath.Base(path), Dir: dir}} {
				_, err := command.Start(t.Context())
				if err == nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("the error is %v", err)
				}
			}
		})
	}
}

// program returns an ELF binary for a machine, or for this one if it is EM_NONE, with
// a loader.
func program(t *testing.T, machine elf.Machine, loader string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	own, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if machine == elf.EM_NONE {
		machine = own.Machine
	}
	const headerSize, segmentSize = 64, 56
	header := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Ehsize: headerSize, Phentsize: segmentSize,
	}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(own.Data)
	header.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	var segments []elf.Prog64
	if loader != "" {
		header.Phnum = 1
		size := uint64(len(loader) + 1)
		segments = append(segments, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: headerSize + segmentSize, Filesz: size, Memsz: size})
	}
	var content strings.Builder
	for _, part := range []any{header, segments, []byte(loader + "\x00")} {
		if err := binary.Write(&content, own.ByteOrder, part); err != nil {
			t.Fatal(err)
		}
	}
	return content.String()
}
