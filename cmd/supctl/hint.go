package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/espalier-go/espalier/internal/spelling"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// hint says what to do next about an error.
func (s *session) hint(ctx context.Context, err error) string {
	path, op := "PATH", ""
	if call, ok := errors.AsType[*sup.CallError](err); ok && call.Path != "" {
		path, op = shellQuoted(call.Path), call.Op
	}
	switch {
	case errors.Is(err, errUsage):
		return "for what there is: supctl help"
	case errors.Is(err, remote.ErrUnreachable):
		return "is the program running, and is its control server at " + s.address + "?"
	case errors.Is(err, remote.ErrUntrusted) && strings.HasPrefix(s.address, "unix:"):
		return "if the program runs as that user, name it: --server-user USER"
	case errors.Is(err, remote.ErrUntrusted):
		return "if the authority that has signed it is your own, name it: --ca FILE"
	case errors.Is(err, remote.ErrDenied) && strings.HasPrefix(s.address, "unix:"):
		return "run supctl as the user that the program runs as, or as root; or have the program let you in (remote.Config: Mode, Access)"
	case errors.Is(err, remote.ErrDenied):
		return "show who you are: --cert FILE --key FILE, or --token-file FILE"
	case errors.Is(err, remote.ErrBusy):
		return "try again when other clients are done; the bounds are those of remote.Config: MaxStreams, MaxCalls, MaxConnections"
	case errors.Is(err, remote.ErrEnding):
		return "the control server is part of what shuts down, which goes on; see the program's log"
	case errors.Is(err, remote.ErrSelf):
		return s.wholeTree(ctx)
	case errors.Is(err, sup.ErrStart) && op == "start child":
		return "nothing of it is left: see to the cause, then start it again"
	case errors.Is(err, sup.ErrStart):
		return "it is stopped as before: see to the cause, then: supctl restart " + path
	case errors.Is(err, sup.ErrStuck):
		if stuck, ok := errors.AsType[*sup.StuckError](err); ok && len(stuck.Children) > 0 {
			path = shellQuoted(stuck.Children[0].Path)
		} else if ok && stuck.NotAsked > 0 {
			return "how far it is: supctl tree"
		}
		return "where it hangs: supctl stacks " + path
	case errors.Is(err, sup.ErrAlreadyRunning):
		return "see how it is: supctl status " + path
	case errors.Is(err, sup.ErrAlreadyDeclared):
		return "start it again: supctl restart " + path
	case errors.Is(err, sup.ErrRunning) && op == "restart":
		return "see how it is: supctl status " + path
	case errors.Is(err, sup.ErrRunning):
		return "stop it first: supctl terminate " + path
	case errors.Is(err, sup.ErrRestarting):
		return "wait for it, or call the restart off: supctl terminate " + path
	case errors.Is(err, sup.ErrIncarnation):
		return "look again: supctl status " + path
	case errors.Is(err, sup.ErrKey):
		set := "PATH"
		if call, ok := errors.AsType[*sup.CallError](err); ok {
			set = shellQuoted(call.Path[:max(strings.LastIndexByte(call.Path, '/'), 0)])
		}
		return "for keys that there are: supctl children " + set
	case errors.Is(err, sup.ErrNotKeyed):
		return "a set that takes keys is a keyed one in: supctl tree"
	case errors.Is(err, sup.ErrNotFound):
		return s.alternatives(ctx, err)
	case errors.Is(err, sup.ErrNoSupervisor) && op == "shut down":
		return "a worker is stopped with: supctl terminate " + path
	case errors.Is(err, sup.ErrNoSupervisor):
		return "for what there is: supctl tree"
	case errors.Is(err, context.DeadlineExceeded) && op == "restart":
		return "how it goes: supctl status " + path
	case errors.Is(err, context.DeadlineExceeded) && s.timeout >= remote.DefaultCallTimeout:
		return "the server has a bound of its own: Config.CallTimeout"
	case errors.Is(err, context.DeadlineExceeded):
		return "give it more time: --timeout 5m"
	}
	return ""
}

// alternatives says what there is in place of a child that is not there.
func (s *session) alternatives(ctx context.Context, err error) string {
	const all = "for what there is: supctl tree"
	call, ok := errors.AsType[*sup.CallError](err)
	if !ok || s.client == nil {
		return all
	}
	if path, slash := strings.CutSuffix(call.Path, "/"); slash {
		return "did you mean " + shellQuoted(path) + "? then leave out the slash at its end"
	}
	at := strings.LastIndexByte(call.Path, '/')
	switch {
	case at < 0 && call.Op == "shut down":
		return s.wholeTree(ctx)
	case at < 0:
		return all
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	above, id := call.Path[:at], call.Path[at+1:]
	if status, err := s.client.Status(ctx, above); err != nil || status.Children > maxCompared {
		return all
	}
	children, err := s.client.Children(ctx, above)
	if err != nil {
		return all
	}
	hint := "for what there is: supctl children " + shellQuoted(above)
	if near := nearest(id, children); len(near) > 0 {
		for i, id := range near {
			near[i] = shellQuoted(sup.ChildPath(above, id))
		}
		hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
	}
	return hint
}

// wholeTree says how to end the whole tree.
func (s *session) wholeTree(ctx context.Context) string {
	name := "NAME"
	if s.client != nil {
		ctx, cancel := context.WithTimeout(ctx, completionTimeout)
		defer cancel()
		if root, err := s.client.Status(ctx, ""); err == nil {
			name = shellQuoted(root.Path)
		}
	}
	return "what can be ended is the whole tree: supctl shutdown " + name
}

// maxCompared is in how many ids a mistyped one is looked for.
const maxCompared = 10_000

// nearest returns the ids that are most like one that is not there, three at
// most.
func nearest(id string, children []sup.ChildInfo) []string {
	id = strings.ToLower(id)
	distance := make(map[string]int)
	var near []string
	for _, c := range children {
		d := spelling.Distance(id, strings.ToLower(c.ID))
		if id != "" && strings.Contains(strings.ToLower(c.ID), id) {
			d = 0
		}
		if d < min(3, (len(id)+1)/2) {
			distance[c.ID] = d
			near = append(near, c.ID)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return near[:min(len(near), 3)]
}
