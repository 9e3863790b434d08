module github.com/espalier-go/espalier/docs

go 1.26.0

require (
	github.com/espalier-go/espalier v0.1.0
	github.com/oklog/run v1.2.0
	github.com/thejerf/suture/v4 v4.0.6
	go.uber.org/fx v1.24.0
	golang.org/x/sync v0.24.0
)

require (
	github.com/puzpuzpuz/xsync/v4 v4.5.0 // indirect
	go.uber.org/dig v1.19.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	go.uber.org/zap v1.26.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/espalier-go/espalier => ../
