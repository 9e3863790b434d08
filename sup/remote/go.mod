module github.com/espalier-go/espalier/sup/remote

go 1.26.0

require (
	connectrpc.com/connect/v2 v2.0.2
	github.com/espalier-go/espalier v0.1.0
	github.com/google/go-cmp v0.7.0
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
	google.golang.org/protobuf v1.36.12
)

require github.com/puzpuzpuz/xsync/v4 v4.5.0 // indirect
