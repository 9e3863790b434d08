package remote

// BecomeAnother makes the servers that begin from now on those of another
// program, until it is undone.
func BecomeAnother() (undo func()) {
	before := program
	program = before + " anew"
	return func() { program = before }
}
