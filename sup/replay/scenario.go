package replay

import (
	"io"

	"github.com/espalier-go/espalier/internal/scenario"
)

// A Scenario is a tree and what happens to it step by step, as text that can be read,
// edited and kept beside a test. The package comment describes the format.
type Scenario struct {
	// Name follows the word "scenario".
	Name string
	// Comments are the lines above the scenario, without "# ".
	Comments []string

	content *scenario.Scenario // its Name and Comments are not used
}

// Read reads the scenarios of a file. The error lists all faults of the text, each
// with its line, and its column if one word is at fault.
func Read(r io.Reader) ([]*Scenario, error) {
	read, err := scenario.Read(r)
	if err != nil {
		return nil, err
	}
	all := make([]*Scenario, len(read))
	for i, sc := range read {
		all[i] = &Scenario{Name: sc.Name, Comments: sc.Comments, content: sc}
	}
	return all, nil
}

// String formats the scenario as [Read] reads it.
func (sc *Scenario) String() string {
	text := *sc.content
	text.Name, text.Comments = sc.Name, sc.Comments
	return text.String()
}
