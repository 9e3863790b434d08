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

// hint returns the next step for an error, or "".
func (s *session) hint(ctx context.Context, err error) string {
	path, raw, op := "PATH", "", ""
	if call, ok := errors.AsType[*sup.CallError](err); ok && call.Path != "" {
		path, raw, op = shellQuoted(call.Path), call.Path, call.Op
	}
	switch {
	case errors.Is(err, errUsage):
		return "for the commands and flags: supctl help"
	case errors.Is(err, remote.ErrUnreachable):
		return "is the program running, and is its control server at " + s.address + "?"
	case errors.Is(err, remote.ErrUntrusted) && strings.HasPrefix(s.address, "unix:"):
		return "if you trust that user, use: --server-user USER"
	case errors.Is(err, remote.ErrUntrusted):
		return "if your own authority signed it, use: --ca FILE"
	case errors.Is(err, remote.ErrDenied) && strings.HasPrefix(s.address, "unix:"):
		return "run supctl as the user of the program or as root, or grant your user a role (remote.Config: Mode, Access)"
	case errors.Is(err, remote.ErrDenied):
		return "send credentials: --cert FILE --key FILE, or --token-file FILE"
	case errors.Is(err, remote.ErrBusy):
		return "try again later, or raise the limits of the server (remote.Config: MaxStreams, MaxCalls, MaxConnections)"
	case errors.Is(err, remote.ErrEnding):
		return "the shutdown includes the control server and continues; see the program's log"
	case errors.Is(err, remote.ErrSelf):
		return s.wholeTree(ctx)
	case errors.Is(err, sup.ErrStart) && op == "start child":
		return "the child was not added: fix the cause, then start it again"
	case errors.Is(err, sup.ErrStart):
		return "the child is stopped: fix the cause, then: supctl restart " + path
	case errors.Is(err, sup.ErrStuck):
		return stuckHint(err, path)
	case errors.Is(err, sup.ErrAlreadyRunning):
		return "for its state: supctl status " + path
	case errors.Is(err, sup.ErrAlreadyDeclared):
		return "start it with: supctl restart " + path
	case errors.Is(err, sup.ErrStopped):
		return "start it with: supctl restart " + path
	case errors.Is(err, sup.ErrRunning) && (op == "restart" || op == "replace"):
		return "for its state: supctl status " + path
	case errors.Is(err, sup.ErrRunning):
		return "stop it first: supctl terminate " + path
	case errors.Is(err, sup.ErrRestarting) && op == "start child":
		return "the child exists and is about to run again: supctl status " + path
	case errors.Is(err, sup.ErrRestarting):
		return "wait, or cancel the restart: supctl terminate " + path
	case errors.Is(err, sup.ErrIncarnation):
		return "for the current incarnation: supctl status " + path
	case errors.Is(err, sup.ErrKey):
		set := "PATH"
		if call, ok := errors.AsType[*sup.CallError](err); ok {
			set = shellQuoted(call.Path[:max(strings.LastIndexByte(call.Path, '/'), 0)])
		}
		return "for the existing keys: supctl children " + set
	case errors.Is(err, sup.ErrNotKeyed) && s.isDeclared(ctx, raw):
		return "start a declared child with: supctl restart " + path
	case errors.Is(err, sup.ErrNotKeyed):
		return "keyed supervisors are marked as keyed in: supctl tree"
	case errors.Is(err, sup.ErrNotFound):
		return s.alternatives(ctx, err)
	case errors.Is(err, sup.ErrNoSupervisor) && op == "shut down":
		return "stop a worker with: supctl terminate " + path
	case errors.Is(err, sup.ErrNoSupervisor):
		return "for the existing paths: supctl tree"
	case errors.Is(err, context.DeadlineExceeded) && (op == "restart" || op == "replace"):
		return "for the result: supctl status " + path
	case errors.Is(err, context.DeadlineExceeded) && s.timeout >= remote.DefaultCallTimeout:
		return "the limit is that of the server (remote.Config: CallTimeout)"
	case errors.Is(err, context.DeadlineExceeded):
		return "use a longer timeout: --timeout 5m"
	}
	return ""
}

// isDeclared reports whether there is a child at a path.
func (s *session) isDeclared(ctx context.Context, path string) bool {
	if s.client == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	_, err := s.client.Child(ctx, path)
	return err == nil
}

// stuckHint returns the hint after a stop that ran out of time.
func stuckHint(err error, path string) string {
	stuck, ok := errors.AsType[*sup.StuckError](err)
	switch {
	case ok && len(stuck.Children) > 0 && stuck.NotAsked > 0:
		return "the shutdown continues once this child stops, for its stacks: supctl stacks " + shellQuoted(stuck.Children[0].Path)
	case ok && len(stuck.Children) > 0:
		return "the child was asked to stop, for its stacks: supctl stacks " + shellQuoted(stuck.Children[0].Path)
	case ok && stuck.NotAsked > 0:
		return "no child was asked to stop yet, for the progress: supctl tree"
	}
	return "for its stacks: supctl stacks " + path
}

// alternatives suggests existing paths similar to one that does not exist.
func (s *session) alternatives(ctx context.Context, err error) string {
	const all = "for the existing paths: supctl tree"
	call, ok := errors.AsType[*sup.CallError](err)
	if !ok || s.client == nil {
		return all
	}
	if path, slash := strings.CutSuffix(call.Path, "/"); slash {
		return "did you mean " + shellQuoted(path) + ", without the slash at its end?"
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
	parent, id := call.Path[:at], call.Path[at+1:]
	if status, err := s.client.Status(ctx, parent); err != nil || childCount(status) > maxCompared {
		return all
	}
	children, err := s.client.Children(ctx, parent)
	if err != nil {
		return all
	}
	hint := "for the existing paths: supctl children " + shellQuoted(parent)
	if near := nearest(id, children); len(near) > 0 {
		for i, id := range near {
			near[i] = shellQuoted(sup.ChildPath(parent, id))
		}
		hint = "did you mean " + strings.Join(near, " or ") + "? " + hint
	}
	return hint
}

// wholeTree returns the hint for shutting down the whole tree.
func (s *session) wholeTree(ctx context.Context) string {
	name := "NAME"
	if s.client != nil {
		ctx, cancel := context.WithTimeout(ctx, completionTimeout)
		defer cancel()
		if root, err := s.client.Status(ctx, ""); err == nil {
			name = shellQuoted(root.Path)
		}
	}
	return "to shut down the whole tree: supctl shutdown " + name
}

// maxCompared is the maximum number of ids that are compared with a mistyped one.
const maxCompared = 10_000

// nearest returns up to three ids similar to the given one.
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
