package otelsup

import "github.com/espalier-go/espalier/sup"

// Kept returns the number of supervisors and children that an observer keeps.
func Kept(o sup.Observer) int {
	n := 0
	for _, b := range o.(*observer).supervisors {
		n += 1 + len(b.children)
	}
	return n
}
