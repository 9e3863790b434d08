module github.com/espalier-go/espalier/docs

go 1.26.0

require (
	github.com/espalier-go/espalier v0.1.0
	github.com/espalier-go/espalier/sup/otelsup v0.1.0
	github.com/espalier-go/espalier/sup/plugin v0.1.0
	github.com/espalier-go/espalier/sup/promsup v0.1.0
	github.com/espalier-go/espalier/sup/remote v0.1.0
	github.com/hashicorp/go-plugin v1.8.0
	github.com/oklog/run v1.2.0
	github.com/prometheus/client_golang v1.25.0
	github.com/thejerf/suture/v4 v4.0.6
	go.opentelemetry.io/otel/metric v1.47.0
	go.opentelemetry.io/otel/trace v1.47.0
	go.uber.org/fx v1.24.0
	golang.org/x/sync v0.24.0
	google.golang.org/grpc v1.85.0
)

require (
	connectrpc.com/connect/v2 v2.0.2 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/fatih/color v1.13.0 // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/hashicorp/go-hclog v1.6.3 // indirect
	github.com/hashicorp/yamux v0.1.2 // indirect
	github.com/mattn/go-colorable v0.1.12 // indirect
	github.com/mattn/go-isatty v0.0.17 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/puzpuzpuz/xsync/v4 v4.5.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.uber.org/dig v1.19.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	go.uber.org/zap v1.26.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace (
	github.com/espalier-go/espalier => ../
	github.com/espalier-go/espalier/sup/otelsup => ../sup/otelsup
	github.com/espalier-go/espalier/sup/plugin => ../sup/plugin
	github.com/espalier-go/espalier/sup/promsup => ../sup/promsup
	github.com/espalier-go/espalier/sup/remote => ../sup/remote
)
