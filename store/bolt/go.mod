module github.com/espalier-go/espalier/store/bolt

go 1.26.0

require (
	github.com/espalier-go/espalier v0.1.0
	github.com/google/go-cmp v0.7.0
	go.etcd.io/bbolt v1.5.0
)

require (
	github.com/anishathalye/porcupine v1.3.1 // indirect
	github.com/puzpuzpuz/xsync/v4 v4.5.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
