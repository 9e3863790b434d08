// Package scenario is the language of scenarios: a supervision tree, the commands
// that are given to it, and the trace of each command, as text.
//
// Package replay documents the format and plays it. The tests of package sup use
// the same language with more words ([ReadExtended]) for the traces of Erlang's
// supervisor and for the cases of their model.
package scenario

import (
	"strings"
	"time"
)

// A Scenario is a tree and what happens to it, step by step.
type Scenario struct {
	Name string
	// Comments are the lines above the scenario, without "# ".
	Comments []string
	// Root is the supervisor at the root. Its ID is empty.
	Root *Child

	Steps []Step
	// added are the children that the steps add, by path. Of several with one
	// path, the first counts.
	added map[string]*Child
}

// A Step is a command and its outcome.
type Step struct {
	// Comments are the lines above the command, without "# ".
	Comments []string
	Verb     string
	// Path names a child below the root. Empty for a verb without a path.
	Path string
	// Arg of a die is how the worker ends; of a both, the id of the other worker.
	Arg  string
	Time time.Duration // of a pass
	Add  *Child        // of an add
	// Answer is what the command returned. Empty if the scenario does not say.
	Answer string
	// Trace lists what happened because of the command, such as "start a".
	Trace []string
	// Children lists the children after the command, such as "a up, b down". Nil
	// if the scenario does not say.
	Children *string
}

// operands says what follows a verb.
type operands uint8

const (
	noOperand operands = iota
	timeOperand
	pathOperand
	pathAndArg
	childOperand
)

var verbs = map[string]operands{
	"start": noOperand, "stop": noOperand, "release": noOperand, "pass": timeOperand,
	"die": pathAndArg, "terminate": pathOperand, "restart": pathOperand, "delete": pathOperand, "remove": pathOperand,
	"add": childOperand,
}

// extendedVerbs are the verbs that only [ReadExtended] accepts.
var extendedVerbs = map[string]operands{"both": pathAndArg, "let": pathOperand, "replace": pathOperand}

// Append adds a step.
func (sc *Scenario) Append(s Step) {
	sc.Steps = append(sc.Steps, s)
	if s.Add == nil || sc.added[s.Path] != nil {
		return
	}
	if sc.added == nil {
		sc.added = make(map[string]*Child)
	}
	sc.added[s.Path] = s.Add
}

// Find returns the child that is declared or added at a path below the root, or
// nil. For a member of a set it returns what all members are like.
func (sc *Scenario) Find(path string) *Child {
	if c := sc.Root.Find(path); c != nil {
		return c
	}
	return FindAdded(sc.added, path)
}

// FindAdded returns the child at a path that is a key of added, or is below one,
// or nil.
func FindAdded(added map[string]*Child, path string) *Child {
	for at := path; at != ""; at = Parent(at) {
		if c := added[at]; c != nil {
			return c.Find(strings.TrimPrefix(path[len(at):], "/"))
		}
	}
	return nil
}
