package remote

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/espalier-go/espalier/sup"
)

// A server that is part of the tree which it serves must not take itself down.

// isWithin reports whether the server is the child at a path, or below it; the
// whole tree does not count.
func (h *handler) isSelfOrAncestor(path string) bool {
	self, within := strings.Split(h.self, "/"), strings.Split(path, "/")
	if len(within) < 2 || len(within) > len(self) {
		return false
	}
	for i, segment := range within { // an id is found, too, if it is not written as paths have it
		if unescaper.Replace(segment) != unescaper.Replace(self[i]) {
			return false
		}
	}
	return true
}

// unescaper undoes what [sup.ChildPath] does to an id.
var unescaper = func() *strings.Replacer {
	var pairs []string
	for c := range rune(utf8.RuneSelf) {
		if escaped := sup.ChildPath("", string(c))[1:]; escaped != string(c) {
			pairs = append(pairs, escaped, string(c))
		}
	}
	return strings.NewReplacer(pairs...)
}()

// apartFromSelf is about a server that is part of the tree which shuts down: it
// was told to stop, and so cannot wait for the end. If nothing else is left, the
// shutdown is as good as done.
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
