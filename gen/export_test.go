package gen

// LoadFiles is Load for files in memory.
func LoadFiles(files map[string][]byte) (*Package, []Fault) {
	p := parse(newSource("", files, false))
	check(p, new(Loader))
	p.faults = SortFaults(p.faults)
	return p, p.faults
}

var (
	ImportsAtTop    = imports
	Snake           = snake
	Lower           = lower
	PackageLikeness = likeness
)

// An Option is a row of the table of options.
type Option struct {
	Name, Text, Doc string   // Text is the option in a tag
	On              []string // places, as in hints
	Default         bool     // on sup.Tree, it is a default for the children
}

// Options returns the table of options.
func Options() []Option {
	var all []Option
	for _, o := range optionTable {
		option := Option{Name: o.name, Text: o.name, Doc: o.doc, Default: o.on&asDefault != 0}
		if o.parse != nil {
			option.Text += "=" + o.example
		}
		for _, n := range scopeNames {
			if o.on&n.scope != 0 {
				option.On = append(option.On, n.name)
			}
		}
		all = append(all, option)
	}
	return all
}
