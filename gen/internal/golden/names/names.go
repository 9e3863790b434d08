// Package names declares the names that generated code prefers, trees in several files,
// and fields that supgen ignores.
package names

import (
	ctx "context"
	"sync"

	"github.com/espalier-go/espalier/gen/internal/golden/names/db"
	o "github.com/espalier-go/espalier/gen/internal/golden/web"
	supervision "github.com/espalier-go/espalier/sup"
	post "github.com/espalier-go/espalier/sup/mailbox"
)

// Generated code prefers these names.
type (
	context struct{}
	//lint:ignore U1000 only its name matters
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
	//lint:ignore U1000 only its name matters
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
	Letters       *post.Mailbox[key]       // a Mailbox of another package
}

// A tree may be unexported, and share its first letter with another name.
type tree struct {
	supervision.Tree
	URLs       supervision.Child[*c]
	userID     supervision.Child[*c]
	JSONToHTML supervision.Child[*c] `sup:"name=json"`
}
