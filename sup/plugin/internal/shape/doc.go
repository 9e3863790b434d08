// Package shape describes what crosses between a host and a plugin whose interface is a
// Go interface: which types may cross, how their values are encoded, and whether two
// versions of an interface fit together.
package shape
