package proc

// checkPriority checks Nice and Umask.
func (c Command) checkPriority(f *faults) {
	if c.Nice < -20 || c.Nice > 19 {
		f.add("Nice", "%d is out of range: use -20 to 19, and 0 for that of the host", c.Nice)
	}
	if c.Umask != nil && *c.Umask&^0o777 != 0 {
		f.add("Umask", "%#o is no mask of permissions: use 0 to 0777", uint32(*c.Umask))
	}
}
