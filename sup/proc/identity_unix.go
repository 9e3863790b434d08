//go:build unix

package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// hasUsers is whether users and groups have numbers that a process can be given.
const hasUsers = true

func hostIdentity() (uid, gid uint32) { return uint32(os.Geteuid()), uint32(os.Getegid()) }

// forbidden returns why the host may not start a process with the identity, or "".
func (id *identity) forbidden() string {
	uid, gid := hostIdentity()
	if id.uid != uid && !mayChangeUser() {
		return fmt.Sprintf("is %d, but the host runs as %d, and only root may start a process as another user: leave User out, or run the host as root", id.uid, uid)
	}
	if (id.gid != gid || !id.keepGroups) && !mayChangeGroups() {
		return fmt.Sprintf("changes the groups, but the host runs as %d, and only root may do so: leave User, Group and Groups out, or run the host as root", uid)
	}
	return ""
}

// setIdentity sets the user and the groups of a process.
func (c Command) setIdentity(cmd *exec.Cmd) error {
	var f faults
	id := c.identity(&f)
	if len(f) > 0 { // the databases have changed since Validate
		return &CommandError{Path: c.Path, Faults: f}
	}
	if id == nil {
		return nil
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: id.uid, Gid: id.gid, Groups: id.groups, NoSetGroups: id.keepGroups}
	if c.Env == nil {
		cmd.Env = id.environ(cmd.Env)
	}
	return nil
}

// explainIdentity adds the user of the process to the error of a start that lacks a
// permission.
func (c Command) explainIdentity(err error) error {
	if !errors.Is(err, fs.ErrPermission) || c.User == "" && c.Group == "" && c.Groups == nil {
		return err
	}
	as := "user " + c.User
	if c.User == "" {
		as = "user of the host"
	}
	if c.Group != "" {
		as += ", group " + c.Group
	}
	return fmt.Errorf("as %s: %w", as, err)
}
