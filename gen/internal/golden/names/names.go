// Package names has the names that generated code would like to have, trees in
// several files, and fields that are none of supgen's business.
package names

import (
	ctx "context"
	"sync"

	"github.com/espalier-go/espalier/gen/internal/golden/names/db"
	o "github.com/espalier-go/espalier/gen/internal/golden/web"
	supervision "github.com/espalier-go/espalier/sup"
	post "github.com/espalier-go/espalier/sup/mailbox"
)

// These names are taken.
type (
	context struct{}
	//lint:ignore U1000 it only takes the name
	time      struct{}
	sup       string
	key       string
	observers interface{ ctx.Context }
	c         struct{}
)

func (*c) Run(life ctx.Context) error {
	<-life.Done()
	return life.Err()
}

// Orders has many fields.
type Orders struct {
	supervision.Tree `sup:"intensity=3/5s" json:"-"`
	sync.Mutex
	*sync.WaitGroup
	//lint:ignore U1000 it only takes the name
	context

	First, second supervision.Child[*c] "sup:\"shutdown=5s\""
	ByKey         supervision.Keyed[key, *c]
	Index         supervision.Replicas[*c]
	HTTPServer    *o.Server `sup:""`
	tree          *tree
	_             [4]byte
	DB            *db.Row `json:"db"`
	Count         int     `json:"count,omitempty"`
	Hook          func(ctx ctx.Context, options ...struct{ o.Listener }) (n int, err error)
	Hidden        supervision.Child[*c] `sup:"-"`
	Names         map[sup][]chan<- *observers
	mailbox       post.Mailbox[o.Listener] `sup:"cap=7"`
	Letters       *post.Mailbox[key]       // somebody else's
}

// A tree need not be exported, nor have the first letter to itself.
type tree struct {
	supervision.Tree
	URLs       supervision.Child[*c]
	userID     supervision.Child[*c]
	JSONToHTML supervision.Child[*c] `sup:"name=json"`
}
