//go:build pages

package docs

// The programs on the pages import these.
import (
	_ "github.com/espalier-go/espalier/sup"
	_ "github.com/oklog/run"
	_ "github.com/thejerf/suture/v4"
	_ "go.uber.org/fx"
	_ "golang.org/x/sync/errgroup"
)
