// Counter is a plugin: a program of its own.
package main

import "github.com/espalier-go/espalier/docs/snippets/words"

func main() { words.ServeWords(words.Counter{}) }
