package otelsup

import "github.com/espalier-go/espalier/sup"

// Kept returns how many supervisors and children an observer knows.
func Kept(o sup.Observer) int {
	n := 0
	for _, b := range o.(*observer).supervisors {
		n += 1 + len(b.children)
	}
	return n
}
