//go:build unix

package plugin_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

// examplePlugins creates a directory with one plugin, words.
func examplePlugins() (dir string) {
	dir, err := os.MkdirTemp("", "plugins")
	if err != nil {
		log.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "words")); err != nil {
		log.Fatal(err)
	}
	return dir
}

// wordsFile returns the spec of a plugin in a file.
func wordsFile(path string) (plugin.Spec[Words], bool) {
	spec := wordsSpec("grpc")
	spec.Command.Path = path
	return spec, true
}

func ExampleStartDir() {
	ctx := context.Background()
	path := examplePlugins()
	defer os.RemoveAll(path)
	dir, err := plugin.StartDir(ctx, plugin.DirSpec[Words]{Path: path, Spec: wordsFile, Settle: 20 * time.Millisecond})
	if err != nil {
		log.Fatal(err)
	}
	defer dir.Shutdown(ctx)
	fmt.Println(count(ctx, dir.Plugins.Child("words"), "from a directory"))
	// Output: 3 <nil>
}

// A Dir can be a child of a tree.
func ExampleNewDir() {
	ctx := context.Background()
	path := examplePlugins()
	defer os.RemoveAll(path)
	dir := plugin.NewDir(plugin.DirSpec[Words]{Path: path, Spec: wordsFile})
	var host sup.Tree
	host.Declare(sup.TreeSpec{Name: "host"}, sup.Nest(dir, sup.ChildSpec[*plugin.Dir[Words]]{ID: "plugins"}))
	fmt.Println(host.Start(ctx))
	fmt.Println(host.Shutdown(ctx))
	// Output:
	// <nil>
	// <nil>
}

func ExampleDirSpec() {
	ctx := context.Background()
	path := examplePlugins()
	defer os.RemoveAll(path)
	spec := plugin.DirSpec[Words]{
		Path: path,
		Spec: func(path string) (plugin.Spec[Words], bool) {
			if filepath.Base(path) != "words" {
				return plugin.Spec[Words]{}, false // not one of ours
			}
			return wordsFile(path)
		},
		Settle: 20 * time.Millisecond,
		Budget: sup.Intensity{Restarts: 3, Within: time.Minute},
	}
	dir, err := plugin.StartDir(ctx, spec)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(dir.Shutdown(ctx))
	// Output: <nil>
}

func ExampleLeftover() {
	fmt.Println(plugin.Leftover("words"), plugin.Leftover("words~"), plugin.Leftover("words.dpkg-new"))
	// Output: false true true
}
