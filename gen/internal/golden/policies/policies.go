// Package policies has all options of tags.
package policies

import (
	"context"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// W is a worker.
type W struct{}

// Run returns when ctx is done.
func (*W) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// All has every option.
type All struct {
	sup.Tree `sup:"one_for_all,intensity=0/90s,auto_shutdown=all_significant,labels,name=everything"`

	Mail         mailbox.Mailbox[string]
	Letters      mailbox.Mailbox[*W]     `sup:"cap=1000"`
	Notes, Memos mailbox.Mailbox[[]byte] `sup:" cap = unbounded "`

	Plain       sup.Child[*W]
	Permanent   sup.Child[*W] `sup:"permanent,shutdown=infinity,start_timeout=1m30s"`
	Transient   sup.Child[*W] `sup:"transient,significant,shutdown=brutal"`
	Temporary   sup.Child[*W] `sup:"temporary,shutdown=1500ms"`
	Backoff     sup.Child[*W] `sup:"backoff=100ms..30s,factor=1.5,jitter=0.25,reset=5m"`
	FirstWait   sup.Child[*W] `sup:"backoff=1ns"`
	Budget      sup.Child[*W] `sup:"budget=5/1m,watchdog=10s"`
	Unlimited   sup.Child[*W] `sup:"budget=unlimited,backoff=none"`
	Waits       sup.Child[*W] `sup:"stuck=wait"`
	Abandons    sup.Child[*W] `sup:"stuck=abandon"`
	Escalates   sup.Child[*W] `sup:"stuck=escalate,name=the last resort"`
	ByKey       sup.Keyed[string, *W]
	ByKeyAll    sup.Keyed[string, *W] `sup:"max=10,intensity=unlimited,labels,transient,shutdown=3s,backoff=1s"`
	Replicas    sup.Replicas[*W]
	ReplicasAll sup.Replicas[*W] `sup:"count=2,intensity=3/10s,labels,temporary,watchdog=1h,budget=3/2h30m"`
	Nested      *Defaults        `sup:"transient,significant,shutdown=30s,start_timeout=1m,backoff=1s,budget=3/1h,stuck=escalate"`
}

// Defaults has defaults, which its children extend, override or remove. Its nested tree
// does not inherit them.
type Defaults struct {
	sup.Tree `sup:"rest_for_one,auto_shutdown=any_significant,transient,shutdown=2s,start_timeout=10s,backoff=1s..1m,jitter=0.5,budget=3/1h,watchdog=1m,stuck=abandon"`

	Takes     sup.Child[*W]
	Adds      sup.Child[*W] `sup:"significant,factor=3"`
	Changes   sup.Child[*W] `sup:"permanent,shutdown=5s,backoff=2s"`
	TakesBack sup.Child[*W] `sup:"start_timeout=none,backoff=none,budget=none,watchdog=none"`
	Set       sup.Keyed[int, *W]
	Empty     *Empty
}

// Empty has no children.
type Empty struct {
	sup.Tree `sup:"one_for_one,auto_shutdown=never"`
}
