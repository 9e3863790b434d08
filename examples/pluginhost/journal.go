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

// A journal records the actions of the operator and the chaos. All methods are safe for
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

// quarantine is a quarantine of a plugin with its reason.
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
	reason := reasonText(why)
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

// last returns the last n notes.
func (j *journal) last(n int) []note {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]note(nil), j.notes[max(0, len(j.notes)-n):]...)
}

// since returns all notes after the first n.
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

// reasonText returns why a plugin is not running, in one line.
func reasonText(err error) string {
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return err.Error()
	}
	if _, itself := died.Cause.(*proc.ExitError); !itself {
		return died.Cause.Error()
	}
	if text, ok := panicOf(died.Exit.Lines); ok {
		return text
	}
	return died.Exit.String()
}

// endKind is the kind of end of a plugin process, or of its start.
type endKind string

const (
	endKilled     endKind = "killed"
	endExited     endKind = "exited by themselves"
	endUnanswered endKind = "did not answer"
	endNotStarted endKind = "could not be started"
)

// countEnd counts the ends of plugin processes. It observes all events of the tree.
func (s *service) countEnd(e sup.Event) {
	if e.Kind != sup.ChildExited {
		return
	}
	if why, ok := endKindOf(e.Exit.Err); ok {
		kv.Add(&s.ends, why, 1)
	}
}

// endKindOf returns the kind of end of a plugin process from the exit of its child, or
// false if the end was intended.
func endKindOf(err error) (endKind, bool) {
	if _, ok := errors.AsType[*plugin.StartError](err); ok {
		return endNotStarted, true
	}
	died, ok := errors.AsType[*plugin.DiedError](err)
	if !ok {
		return "", false
	}
	if errors.Is(died.Cause, sup.ErrUnhealthy) {
		return endUnanswered, true
	}
	exit, itself := died.Cause.(*proc.ExitError)
	switch {
	case !itself:
		return "", false // ended by the host
	case exit.Signal != 0:
		return endKilled, true
	}
	return endExited, true
}

// panicOf returns the line of output in which a Go program reports its panic.
func panicOf(lines []proc.Line) (text string, ok bool) {
	for _, line := range lines {
		if strings.HasPrefix(line.Text, "panic: ") || strings.HasPrefix(line.Text, "fatal error: ") {
			return line.Text, true
		}
	}
	return "", false
}
