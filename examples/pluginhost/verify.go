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

var errDiffers = errors.New("result differs from that of a loop without plugins")

// verify compares the results with those of a loop without plugins, and returns the number
// of files. The error is the cause of ctx or wraps errDiffers.
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
			differing = append(differing, path+": no result")
			continue
		}
		if why := difference(result, convertFile(source, path)); why != "" {
			differing = append(differing, path+": "+why)
		}
	}
	for path := range results {
		if _, found := slices.BinarySearch(paths, path); !found {
			differing = append(differing, path+": no such file")
		}
	}
	if differing == nil {
		return len(paths), nil
	}
	slices.Sort(differing)
	return len(paths), fmt.Errorf("%w: %d files, first %s", errDiffers, len(differing), differing[0])
}

func convertFile(source fs.FS, path string) *content.Result {
	f, err := readFile(source, path)
	if err != nil {
		return refusal(err.Error(), false)
	}
	kind, _ := content.KindOf(path)
	return convertDirectly(kind, f)
}

// difference returns how two results differ, or "". The reasons of deadly refusals are not
// compared, because the loop sees a panic and the host the end of a process.
func difference(got, want *content.Result) string {
	if got.GetRefusal().GetDeadly() && want.GetRefusal().GetDeadly() || proto.Equal(got, want) {
		return ""
	}
	if g, w := got.GetRefusal(), want.GetRefusal(); g != nil || w != nil {
		return fmt.Sprintf("refused with %q, want %q", g.GetReason(), w.GetReason())
	}
	return "another result"
}
