package main

import (
	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/remote"
)

//go:generate go tool supgen

// The plugins by type: each is a process, and a client that calls it.
type (
	TextPlugin    = plugin.Client[content.Converter[*content.Text]]
	OutlinePlugin = plugin.Client[content.Converter[*content.Outline]]
	PicturePlugin = plugin.Client[content.Converter[*content.Picture]]
	ArchivePlugin = plugin.Client[content.Converter[*content.Listing]]
)

// Host is a content host: it finds files, has plugins convert them, and keeps
// what they make. The plugins come first, those who use them after; when the
// walk has come to its end, so has the host.
//
// A plugin that ends too often is quarantined, by itself. Nobody else notices,
// but for the operator.
type Host struct {
	sup.Tree `sup:"intensity=10/10s,auto_shutdown=any_significant"`

	Found   kv.Context[string, content.Kind]    // by path
	Results kv.Context[string, *content.Result] // likewise, each set once

	Files   mailbox.Mailbox[string]                         `sup:"cap=64"` // paths that wait for a desk
	Strikes mailbox.Mailbox[mailbox.Call[strike, struct{}]] // what is due now, for the chaos

	Control sup.Child[*remote.Server] // with -control; first, and so the last to stop
	Page    sup.Child[*Page]          // with -debug

	Text    sup.Replicas[*TextPlugin]    `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Outline sup.Replicas[*OutlinePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Picture sup.Replicas[*PicturePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Archive sup.Replicas[*ArchivePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`

	Operator sup.Child[*Operator]
	Chaos    sup.Child[*Chaos] `sup:"transient"` // with -chaos
	View     sup.Child[*View]
	Desks    sup.Replicas[*Desk] `sup:"intensity=unlimited,backoff=10ms..1s"`
	Walk     sup.Child[*Walk]    `sup:"transient,significant"`
}
