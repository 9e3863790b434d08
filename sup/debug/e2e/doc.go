// Package e2e tests the page of package debug in a real browser. It is a module of
// its own because of its dependencies. The tests are skipped unless a browser is given:
//
//	make e2e
package e2e
