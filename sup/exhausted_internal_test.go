//go:build !plan9

package sup

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

// rude is an error whose methods panic.
type rude struct{}

func (rude) Error() string   { panic("no text") }
func (rude) Is(error) bool   { panic("no comparison") }
func (rude) As(any) bool     { panic("no conversion") }
func (rude) Unwrap() []error { panic("no cause") }

// incomparable cannot be compared with ==.
type incomparable struct{ all []error }

func (incomparable) Error() string     { return "incomparable" }
func (i incomparable) Unwrap() []error { return i.all }

// F4: what says that the host has run out of something.
func TestWhichErrorsSayThatTheHostIsExhausted(t *testing.T) {
	call := func(name string, err error) error { return os.NewSyscallError(name, err) }
	path := func(op string, err error) error { return &fs.PathError{Op: op, Path: "/bin/true", Err: err} }
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"another", errors.New("boom"), false},
		{"EMFILE", syscall.EMFILE, true},
		{"ENFILE", syscall.ENFILE, true},
		{"ENOMEM", syscall.ENOMEM, true},
		{"ENOSPC", syscall.ENOSPC, false},
		{"wrapped", fmt.Errorf("start: %w", path("open", syscall.EMFILE)), true},
		{"of a start below", &StartError{Path: "root/a/b", Err: path("open", syscall.ENFILE)}, true},
		{"joined", errors.Join(errors.New("boom"), call("socket", syscall.ENOMEM)), true},
		{"in an incomparable one", incomparable{[]error{errors.New("boom"), syscall.EMFILE}}, true},
		{"a bare EAGAIN: a lock is taken", syscall.EAGAIN, false},
		{"EAGAIN of a lock", path("lock", syscall.EAGAIN), false},
		{"EAGAIN of a connection", call("connect", syscall.EAGAIN), false},
		{"EAGAIN of fork and exec", path("fork/exec", syscall.EAGAIN), true},
		{"EAGAIN of a fork", call("fork", syscall.EAGAIN), true},
		{"EAGAIN of a pipe", fmt.Errorf("stdout: %w", call("pipe2", syscall.EAGAIN)), true},
		{"EAGAIN of a socket", &net.OpError{Op: "dial", Net: "unix", Err: call("socket", syscall.EAGAIN)}, true},
		{"the second of two calls", errors.Join(call("connect", syscall.ECONNREFUSED), call("fork", syscall.EAGAIN)), true},
		{"one whose methods panic", rude{}, false},
		{"joined with one whose methods panic", errors.Join(syscall.EMFILE, rude{}), true},
		{"a wrapper of nothing", fmt.Errorf("%w", error(nil)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := exhausted(tt.err); got != tt.want {
				t.Errorf("it is %v, want %v", got, tt.want)
			}
		})
	}
}
