package main

import (
	"context"
	"path"

	"github.com/espalier-go/espalier/internal/progress"
)

// programs is the directory of the programs that buildPrograms builds.
const programs = "bin/"

// buildPrograms builds programs into bin.
func buildPrograms(ctx context.Context, log *progress.Log, packages []string) error {
	for _, pkg := range packages {
		build := progress.Build{
			What:     "building " + path.Base(pkg),
			Note:     "with cold caches this takes about 3 minutes on 2 cores",
			Output:   programs,
			Packages: []string{pkg},
		}
		if err := build.Run(ctx, log); err != nil {
			return err
		}
	}
	return nil
}
