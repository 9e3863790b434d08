// Package e2e has the tests of the page of package debug in a real browser. They
// are in a module of their own, for the sake of what drives the browser, and run
// where they are given one:
//
//	make e2e
package e2e
