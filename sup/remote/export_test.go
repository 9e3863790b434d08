package remote

// RestartProgram gives new servers the identity of another program, until undo is
// called.
func RestartProgram() (undo func()) {
	before := program
	program = before + " restarted"
	return func() { program = before }
}
