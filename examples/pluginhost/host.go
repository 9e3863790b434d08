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

// The workers of the plugin processes, by type.
type (
	TextPlugin    = plugin.Client[content.Converter[*content.Text]]
	OutlinePlugin = plugin.Client[content.Converter[*content.Outline]]
	PicturePlugin = plugin.Client[content.Converter[*content.Picture]]
	ArchivePlugin = plugin.Client[content.Converter[*content.Listing]]
)

// Host is a content host. It finds files, lets plugins convert them, and stores the
// results. The plugins start before the workers that call them. The host ends when the
// walk has ended.
//
// A plugin that fails too often is quarantined without effect on the others. The operator
// restarts it.
type Host struct {
	sup.Tree `sup:"intensity=10/10s,auto_shutdown=any_significant"`

	Found   kv.Context[string, content.Kind]    // by path
	Results kv.Context[string, *content.Result] // by path; each is set once

	Files  mailbox.Mailbox[string]                        `sup:"cap=64"` // paths that wait for a worker
	Faults mailbox.Mailbox[mailbox.Call[fault, struct{}]] // due now, for the chaos

	Control sup.Child[*remote.Server] // with -control; the first to start and the last to stop
	Page    sup.Child[*Page]          // with -debug

	Text    sup.Replicas[*TextPlugin]    `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Outline sup.Replicas[*OutlinePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Picture sup.Replicas[*PicturePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`
	Archive sup.Replicas[*ArchivePlugin] `sup:"budget=3/10s,backoff=20ms..500ms,shutdown=3s,intensity=unlimited"`

	Operator sup.Child[*Operator]
	Chaos    sup.Child[*Chaos] `sup:"transient"` // with -chaos
	View     sup.Child[*View]
	Workers  sup.Replicas[*Worker] `sup:"intensity=unlimited,backoff=10ms..1s"`
	Walk     sup.Child[*Walk]      `sup:"transient,significant"`
}
