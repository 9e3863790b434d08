package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

var errDiffers = errors.New("the result is not that of a plain loop")

// verify compares the results to those of a plain loop, without plugins, file
// by file, and returns how many there are. The error is that of ctx, or wraps
// errDiffers.
func verify(ctx context.Context, source fs.FS, results map[string]*content.Result) (int, error) {
	paths, err := find(ctx, source)
	if err != nil {
		return 0, err
	}
	var differing []string
	for _, path := range paths {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		result, ok := results[path]
		if !ok {
			differing = append(differing, path+" has none")
			continue
		}
		if why := difference(result, plain(source, path)); why != "" {
			differing = append(differing, path+": "+why)
		}
	}
	for path := range results {
		if _, found := slices.BinarySearch(paths, path); !found {
			differing = append(differing, path+" is not there")
		}
	}
	if differing == nil {
		return len(paths), nil
	}
	slices.Sort(differing)
	return len(paths), fmt.Errorf("%w in %d files; %s", errDiffers, len(differing), differing[0])
}

func plain(source fs.FS, path string) *content.Result {
	f, err := readFile(source, path)
	if err != nil {
		return refusal(err.Error(), false)
	}
	kind, _ := content.KindOf(path)
	return plainly(kind, f)
}

// difference tells how two results differ, or returns "". What a plugin dies of
// is not told alike by those who see it and those who do not.
func difference(got, want *content.Result) string {
	if got.GetRefusal().GetDeadly() && want.GetRefusal().GetDeadly() || proto.Equal(got, want) {
		return ""
	}
	if g, w := got.GetRefusal(), want.GetRefusal(); g != nil || w != nil {
		return fmt.Sprintf("refused with %q, and plainly with %q", g.GetReason(), w.GetReason())
	}
	return "the results differ"
}
