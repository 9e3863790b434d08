//go:build ignore

package ignored

import "github.com/espalier-go/espalier/sup"

func NewOrders() *Orders { return nil }

func NewFeeds() *Feeds { return nil }

// Old is declared by hand.
type Old struct{ sup.Tree }

func NewOld() *Old { return new(Old) }
