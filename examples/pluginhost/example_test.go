package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// titleOf starts a plugin for one page, and returns the title of the page.
func titleOf(ctx context.Context, page *content.File, binary string) (title string, err error) {
	texts := plugin.NewSource(plugin.Spec[content.TextsClient]{
		Command:   proc.Command{Path: binary},
		Handshake: content.Handshake, // cookie and version of go-plugin
		Dial: plugin.GRPC(func(_ context.Context, conn *grpc.ClientConn) (content.TextsClient, error) {
			return content.NewTextsClient(conn), nil
		}, "pluginhost.content.Texts"), // the start fails unless the binary serves this
	})
	s, err := sup.Start(ctx, sup.Spec[*plugin.Client[content.TextsClient]]{
		Children: []sup.ChildSpec[*plugin.Client[content.TextsClient]]{
			{ID: "text", Start: texts.Start, Budget: sup.Intensity{Restarts: 5, Within: time.Minute}},
		},
	})
	if err != nil {
		return "", err // with the reason and the last output of the plugin
	}
	defer s.Shutdown(ctx)
	err = plugin.Do(ctx, s.Child("text"), func(ctx context.Context, c content.TextsClient) error {
		text, err := c.Convert(ctx, page)
		title = text.GetTitle()
		return err
	}, plugin.Idempotent()) // repeated once if the plugin dies during the call
	return title, err
}

func Example() {
	page := &content.File{Path: "README.md", Content: []byte("# It grows back\n\nCut a branch.\n")}
	fmt.Println(titleOf(context.Background(), page, filepath.Join(originals, file("text"))))
	// Output: It grows back <nil>
}
