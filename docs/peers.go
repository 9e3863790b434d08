//go:build pages

package docs

// The programs on the pages import these.
import (
	_ "github.com/espalier-go/espalier/sup"
	_ "github.com/espalier-go/espalier/sup/promsup"
	_ "github.com/espalier-go/espalier/sup/remote"
	_ "github.com/oklog/run"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/thejerf/suture/v4"
	_ "go.uber.org/fx"
	_ "golang.org/x/sync/errgroup"
	_ "google.golang.org/grpc/health"
)
