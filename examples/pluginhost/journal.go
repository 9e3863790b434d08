package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// A journal keeps what the operator and the chaos did. All methods are safe for
// concurrent use.
type journal struct {
	mu          sync.Mutex
	notes       []note
	quarantines []quarantine
}

type note struct {
	at   time.Time
	text string
}

// quarantine is why a plugin was quarantined.
type quarantine struct {
	plugin string
	reason string
	times  int
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, note{time.Now(), fmt.Sprintf(format, args...)})
}

func (j *journal) quarantine(name string, why error) {
	reason := whyDown(why)
	j.note("operator: %s is quarantined: %s", name, reason)
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, q := range j.quarantines {
		if q.plugin == name && q.reason == reason {
			j.quarantines[i].times++
			return
		}
	}
	j.quarantines = append(j.quarantines, quarantine{name, reason, 1})
}

// last returns the last notes.
func (j *journal) last(n int) []note {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]note(nil), j.notes[max(0, len(j.notes)-n):]...)
}

// since returns all notes but the first n.
func (j *journal) since(n int) []note {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]note(nil), j.notes[n:]...)
}

func (j *journal) quarantined() []quarantine {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]quarantine(nil), j.quarantines...)
}

// whyDown is why a plugin is not up, in a line.
func whyDown(err error) string {
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return err.Error()
	}
	if _, itself := died.Cause.(*proc.ExitError); !itself {
		return died.Cause.Error()
	}
	if said, ok := panicOf(died.Exit.Lines); ok {
		return said
	}
	return died.Exit.String()
}

// end is why a plugin process has ended, or was not started.
type end string

const (
	byKill     end = "killed"
	byItself   end = "died by themselves"
	unanswered end = "did not answer"
	notStarted end = "could not be started"
)

// countEnd is told every event of the tree.
func (s *service) countEnd(e sup.Event) {
	if e.Kind != sup.ChildExited {
		return
	}
	if why, ok := endOf(e.Exit.Err); ok {
		kv.Add(&s.ends, why, 1)
	}
}

// endOf tells by the exit of its child how a process ended that should not
// have.
func endOf(err error) (end, bool) {
	if _, ok := errors.AsType[*plugin.StartError](err); ok {
		return notStarted, true
	}
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return "", false
	}
	if errors.Is(died.Cause, sup.ErrUnhealthy) {
		return unanswered, true
	}
	exit, itself := died.Cause.(*proc.ExitError)
	switch {
	case !itself:
		return "", false // the host has ended it
	case exit.Signal != 0:
		return byKill, true
	}
	return byItself, true
}

// panicOf returns the line of its output in which a Go program says that it
// ends, and why.
func panicOf(lines []proc.Line) (text string, ok bool) {
	for _, line := range lines {
		if strings.HasPrefix(line.Text, "panic: ") || strings.HasPrefix(line.Text, "fatal error: ") {
			return line.Text, true
		}
	}
	return "", false
}
