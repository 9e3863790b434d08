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

// hasUsers: a process runs as a user and a group that have numbers.
const hasUsers = true

func ownIdentity() (uid, gid uint32) { return uint32(os.Geteuid()), uint32(os.Getegid()) }

// forbidden returns why the host may not start a process with the identity, or
// "" if it may.
func (id *identity) forbidden() string {
	uid, gid := ownIdentity()
	if id.uid != uid && !mayChangeUser() {
		return fmt.Sprintf("is %d, but the host runs as %d, and only root may start a process as another user: leave it out, or run the host as root", id.uid, uid)
	}
	if (id.gid != gid || !id.keepGroups) && !mayChangeGroups() {
		return fmt.Sprintf("the groups would change, but the host runs as %d, and only root may do that: leave User, Group and Groups out, or run the host as root", uid)
	}
	return ""
}

// setIdentity lets the process run as another user and group.
func (c Command) setIdentity(cmd *exec.Cmd) error {
	var f faults
	id := c.identity(&f)
	if len(f) > 0 { // the databases have changed since it was checked
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

// explainIdentity adds the user of the process to the error of a start that failed
// for lack of a permission.
func (c Command) explainIdentity(err error) error {
	if !errors.Is(err, fs.ErrPermission) || c.User == "" && c.Group == "" && c.Groups == nil {
		return err
	}
	as := "user " + c.User
	if c.User == "" {
		as = "the host's user"
	}
	if c.Group != "" {
		as += ", group " + c.Group
	}
	return fmt.Errorf("as %s: %w", as, err)
}
