package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
)

// identity is the user and the groups of a process, by their numbers.
type identity struct {
	uid, gid   uint32
	groups     []uint32
	keepGroups bool       // the supplementary groups are those of the host
	user       *user.User // nil if the user database does not have the user, or none is named
}

// identity finds out the numbers of User, Group and Groups. It returns nil if
// the process keeps the identity of the host.
func (c Command) identity(f *faults) *identity {
	if c.User == "" && c.Group == "" && c.Groups == nil {
		return nil
	}
	id := &identity{keepGroups: c.Groups == nil}
	id.uid, id.gid = ownIdentity()
	if c.User != "" {
		id.lookUpUser(c, f)
	}
	if c.Group != "" {
		id.gid = lookUpGroup("Group", c.Group, f)
	}
	for i, name := range c.Groups {
		id.groups = append(id.groups, lookUpGroup(fmt.Sprintf("Groups[%d]", i), name, f))
	}
	if id.isOwn() {
		return nil
	}
	if c.User != "" && c.Groups == nil {
		id.keepGroups = false
		id.lookUpGroups(c, f)
	}
	return id
}

// isOwn reports whether the identity is that of the host anyway, which needs no
// privileges.
func (id *identity) isOwn() bool {
	uid, gid := ownIdentity()
	return id.uid == uid && id.gid == gid && id.keepGroups
}

// noNumber is the number that means "no change" to the system.
const noNumber = 1<<32 - 1

// number parses the number of a user or a group.
func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n != noNumber
}

func (id *identity) lookUpUser(c Command, f *faults) {
	uid, numeric := number(c.User)
	var err error
	if numeric {
		id.user, err = user.LookupId(strconv.FormatUint(uint64(uid), 10))
		if _, unknown := errors.AsType[user.UnknownUserIdError](err); unknown {
			id.uid, err = uid, nil
			if c.Group == "" {
				f.add("Group", "is empty, and the user %s has no entry in the user database that says which: name a group", c.User)
			}
		}
	} else {
		id.user, err = user.Lookup(c.User)
	}
	switch {
	case isUnknown[user.UnknownUserError](err):
		f.add("User", "%q is no user of this system: write the name of one, or its number", c.User)
	case err != nil:
		f.add("User", "%q cannot be looked up (%v): write its number, and a Group", c.User, err)
	case id.user != nil:
		var valid [2]bool
		id.uid, valid[0] = number(id.user.Uid)
		id.gid, valid[1] = number(id.user.Gid)
		if !valid[0] || !valid[1] {
			f.add("User", "%q has the numbers %q and %q in the user database: write other ones in User and Group", c.User, id.user.Uid, id.user.Gid)
		}
	}
}

// isUnknown reports whether an error says that the database does not have an
// entry. Some systems report a database that is not there like that.
func isUnknown[E error](err error) bool {
	_, unknown := errors.AsType[E](err)
	return unknown || errors.Is(err, fs.ErrNotExist)
}

func lookUpGroup(field, name string, f *faults) uint32 {
	if gid, numeric := number(name); numeric {
		return gid
	}
	group, err := user.LookupGroup(name)
	switch {
	case isUnknown[user.UnknownGroupError](err):
		f.add(field, "%q is no group of this system: write the name of one, or its number", name)
		return 0
	case err != nil:
		f.add(field, "%q cannot be looked up (%v): write its number", name, err)
		return 0
	}
	gid, valid := number(group.Gid)
	if !valid {
		f.add(field, "%q has the number %q in the group database: write another one", name, group.Gid)
	}
	return gid
}

// lookUpGroups finds the supplementary groups of the user in the group
// database.
func (id *identity) lookUpGroups(c Command, f *faults) {
	id.groups = []uint32{}
	if id.user == nil {
		return
	}
	ids, err := id.user.GroupIds()
	if err != nil {
		f.add("Groups", "those of the user %q cannot be looked up (%v): write them, or an empty list", c.User, err)
	}
	for _, text := range ids {
		if gid, valid := number(text); valid && (c.Group == "" || text != id.user.Gid) {
			id.groups = append(id.groups, gid)
		}
	}
}

// checkIdentity looks the user and the groups up, and whether the host may
// become them.
func (c Command) checkIdentity(f *faults) {
	if !hasUsers {
		if c.User != "" || c.Group != "" || c.Groups != nil {
			f.add("User", "this system cannot start a process as another user: leave User, Group and Groups out")
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

// environ is an environment with what it says of the user.
func (id *identity) environ(env []string) []string {
	if id.user == nil {
		return env
	}
	return append(env, "HOME="+id.user.HomeDir, "USER="+id.user.Username, "LOGNAME="+id.user.Username)
}
