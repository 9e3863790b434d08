module github.com/espalier-go/espalier/sup_test/peers

go 1.26.0

require (
	github.com/espalier-go/espalier v0.0.0
	github.com/puzpuzpuz/xsync/v4 v4.5.0
	github.com/thejerf/suture/v4 v4.0.6
	golang.org/x/sync v0.24.0
)

require github.com/dave/jennifer v1.7.1 // indirect

replace github.com/espalier-go/espalier => ../..
