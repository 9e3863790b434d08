package remote

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/espalier-go/espalier/sup"
)

// exceptSelf returns f, but with ErrSelf for the server and its ancestors below the
// root.
func (h *handler) exceptSelf(op string, f func(context.Context, sup.Target) error) func(context.Context, sup.Target) error {
	return func(ctx context.Context, t sup.Target) error {
		if h.isSelfOrAncestor(t.Path) {
			return &sup.CallError{Op: op, Path: t.Path, Err: ErrSelf}
		}
		return f(ctx, t)
	}
}

// isSelfOrAncestor reports whether the child at a path is the server or one of its
// ancestors below the root. The server must not stop those, since no client could
// start it again.
func (h *handler) isSelfOrAncestor(path string) bool {
	self, within := strings.Split(h.self, "/"), strings.Split(path, "/")
	if len(within) < 2 || len(within) > len(self) {
		return false
	}
	for i, segment := range within { // a path may spell an id without escapes
		if unescaper.Replace(segment) != unescaper.Replace(self[i]) {
			return false
		}
	}
	return true
}

// unescaper reverses the escapes of [sup.ChildPath].
var unescaper = func() *strings.Replacer {
	var pairs []string
	for c := range rune(utf8.RuneSelf) {
		if escaped := sup.ChildPath("", string(c))[1:]; escaped != string(c) {
			pairs = append(pairs, escaped, string(c))
		}
	}
	return strings.NewReplacer(pairs...)
}()

// ignoreSelf returns nil for the error of a shutdown that is complete except for the
// server, which cannot wait for its own end.
func (h *handler) ignoreSelf(err error) error {
	stuck, ok := errors.AsType[*sup.StuckError](err)
	if !ok || h.self == "" || stuck.NotAsked > 0 || !errors.Is(err, ErrEnding) {
		return err
	}
	for _, c := range stuck.Children {
		if c.Path != h.self {
			return err
		}
	}
	return nil
}
