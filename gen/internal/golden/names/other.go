package names

import (
	"github.com/espalier-go/espalier/gen/internal/golden/names/other/db"
	supervision "github.com/espalier-go/espalier/sup"
)

// Other is in another file, in which db is another package.
type Other struct {
	supervision.Tree
	DB supervision.Child[*db.Pool]
}
