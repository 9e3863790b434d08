package main

import (
	"context"
	"io/fs"
	"reflect"
)

// readInLoop is the survey without workers. A file that cannot be read has no report, as
// in a survey. The error is the cause of ctx.
func readInLoop(ctx context.Context, source fs.FS) (map[string]*report, error) {
	reports := make(map[string]*report)
	for path := range goFiles(source) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		reports[path], _ = readReport(source, path)
	}
	return reports, nil
}

// compare returns the paths of the files with different reports.
func compare(a, b map[string]*report) []string {
	var differing []string
	for path, r := range a {
		if other, ok := b[path]; !ok || !reflect.DeepEqual(r, other) {
			differing = append(differing, path)
		}
	}
	for path := range b {
		if _, ok := a[path]; !ok {
			differing = append(differing, path)
		}
	}
	return differing
}
