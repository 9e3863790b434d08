// Package docs holds the pages in this directory and the tests that compile the
// programs on them.
package docs
