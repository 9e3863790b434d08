module github.com/espalier-go/espalier

go 1.26.0

require (
	github.com/anishathalye/porcupine v1.3.1
	github.com/dave/jennifer v1.7.1
	github.com/google/go-cmp v0.7.0
	github.com/puzpuzpuz/xsync/v4 v4.5.0
	golang.org/x/sync v0.24.0
	golang.org/x/sys v0.49.0
	pgregory.net/rapid v1.3.0
)

tool github.com/espalier-go/espalier/cmd/supgen
