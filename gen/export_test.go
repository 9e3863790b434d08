package gen

// LoadFiles is Load for files that are in no directory.
func LoadFiles(files map[string][]byte) (*Package, []Fault) {
	p := parse(newSource("", files))
	check(p, new(Loader))
	p.faults = SortFaults(p.faults)
	return p, p.faults
}

// For comparison with what they follow.
var (
	TreeMethods     = treeMethods
	CanTrip         = canTrip
	ImportsAtTop    = imports
	Snake           = snake
	Lower           = lower
	OptionNames     = optionNames
	PackageLikeness = likeness
)

func optionNames() []string {
	var names []string
	for _, o := range vocabulary {
		names = append(names, o.name)
	}
	return names
}
