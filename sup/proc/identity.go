package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
)

// identity is the numbers of the user and the groups of a process.
type identity struct {
	uid, gid   uint32
	groups     []uint32
	keepGroups bool       // the process keeps the supplementary groups of the host
	user       *user.User // nil if no user is named, or it is not in the user database
}

// identity looks up User, Group and Groups. It returns nil if the process keeps the
// identity of the host.
func (c Command) identity(f *faults) *identity {
	if c.User == "" && c.Group == "" && c.Groups == nil {
		return nil
	}
	id := &identity{keepGroups: c.Groups == nil}
	id.uid, id.gid = hostIdentity()
	if c.User != "" {
		id.lookUpUser(c, f)
	}
	if c.Group != "" {
		id.gid = lookUpGroup("Group", c.Group, f)
	}
	for i, name := range c.Groups {
		id.groups = append(id.groups, lookUpGroup(fmt.Sprintf("Groups[%d]", i), name, f))
	}
	if id.isHost() {
		return nil
	}
	if c.User != "" && c.Groups == nil {
		id.keepGroups = false
		id.lookUpGroups(c, f)
	}
	return id
}

// isHost reports whether the identity equals that of the host, which requires no
// privileges.
func (id *identity) isHost() bool {
	uid, gid := hostIdentity()
	return id.uid == uid && id.gid == gid && id.keepGroups
}

// noID is the number that means "no change" in system calls.
const noID = 1<<32 - 1

// parseID parses the number of a user or a group.
func parseID(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n != noID
}

func (id *identity) lookUpUser(c Command, f *faults) {
	uid, numeric := parseID(c.User)
	var err error
	if numeric {
		id.user, err = user.LookupId(strconv.FormatUint(uint64(uid), 10))
		if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
			id.uid, err = uid, nil
			if c.Group == "" {
				f.add("Group", "is empty, and the user database has no group for user %s: name a group", c.User)
			}
		}
	} else {
		id.user, err = user.Lookup(c.User)
	}
	switch {
	case isUnknown[user.UnknownUserError](err):
		f.add("User", "%q is not a user of this system: write a name or a number", c.User)
	case err != nil:
		f.add("User", "%q cannot be looked up (%v): write the number, and set Group", c.User, err)
	case id.user != nil:
		var valid [2]bool
		id.uid, valid[0] = parseID(id.user.Uid)
		id.gid, valid[1] = parseID(id.user.Gid)
		if !valid[0] || !valid[1] {
			f.add("User", "%q has the invalid numbers %q and %q in the user database: write numbers in User and Group", c.User, id.user.Uid, id.user.Gid)
		}
	}
}

// isUnknown reports whether an error means that the database has no such entry. On
// some systems, a missing database is a file that does not exist.
func isUnknown[E error](err error) bool {
	_, unknown := errors.AsType[E](err)
	return unknown || errors.Is(err, fs.ErrNotExist)
}

func lookUpGroup(field, name string, f *faults) uint32 {
	if gid, numeric := parseID(name); numeric {
		return gid
	}
	group, err := user.LookupGroup(name)
	switch {
	case isUnknown[user.UnknownGroupError](err):
		f.add(field, "%q is not a group of this system: write a name or a number", name)
		return 0
	case err != nil:
		f.add(field, "%q cannot be looked up (%v): write the number", name, err)
		return 0
	}
	gid, valid := parseID(group.Gid)
	if !valid {
		f.add(field, "%q has the invalid number %q in the group database: write a number", name, group.Gid)
	}
	return gid
}

// lookUpGroups looks up the supplementary groups of the user in the group database.
func (id *identity) lookUpGroups(c Command, f *faults) {
	id.groups = []uint32{}
	if id.user == nil {
		return
	}
	ids, err := id.user.GroupIds()
	if err != nil {
		f.add("Groups", "the groups of user %q cannot be looked up (%v): write them, or an empty list", c.User, err)
	}
	for _, text := range ids {
		if gid, valid := parseID(text); valid && (c.Group == "" || text != id.user.Gid) {
			id.groups = append(id.groups, gid)
		}
	}
}

// checkIdentity checks that the user and the groups exist, and that the host may
// change to them.
func (c Command) checkIdentity(f *faults) {
	if !hasUsers {
		if c.User != "" || c.Group != "" || c.Groups != nil {
			f.add("User", "no users on this system: leave User, Group and Groups out")
		}
		return
	}
	before := len(*f)
	id := c.identity(f)
	if id == nil || len(*f) > before {
		return
	}
	if problem := id.forbidden(); problem != "" {
		field := "User"
		switch {
		case c.User == "" && c.Group == "":
			field = "Groups"
		case c.User == "":
			field = "Group"
		}
		f.add(field, "%s", problem)
	}
}

// environ adds the variables of the user to an environment.
func (id *identity) environ(env []string) []string {
	if id.user == nil {
		return env
	}
	return append(env, "HOME="+id.user.HomeDir, "USER="+id.user.Username, "LOGNAME="+id.user.Username)
}
