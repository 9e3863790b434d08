package hiding

import supervision "github.com/espalier-go/espalier/sup"

// Other is in another file, which imports sup under another name.
type Other[sup supervision.Worker] struct {
	supervision.Tree

	Worker supervision.Child[sup]
}
