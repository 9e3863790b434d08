package mailbox_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/espalier-go/espalier/sup/mailbox"
)

// model is a mailbox without concurrency, made of slices. Each command returns the
// results that its callers get because of it, as lines in no order.
type model struct {
	capacity  int
	closed    bool
	queue     []*letter // in order, with what has come back
	receivers []*party  // that wait, Process among them
	senders   []*party  // that wait, Ask among them
	parties   []*party  // those who have not been told their end
	entered   int       // messages so far
	told      []string
}

// A letter is a message of the model.
type letter struct {
	id       int
	place    int
	failures int    // deliveries that have failed
	asker    *party // nil for what is no request, and when it has gone
	asked    bool
}

// A party is a call that takes time.
type party struct {
	name   string
	sends  *letter // of Send and Ask
	most   int     // deliveries, of Process; else 0
	holds  *letter // of Process
	buries bool    // what it holds is with DeadLetter
}

func (m *model) tell(format string, args ...any) {
	m.told = append(m.told, fmt.Sprintf(format, args...))
}

// take returns the results since the last call.
func (m *model) take() []string {
	told := m.told
	m.told = nil
	sort.Strings(told)
	return told
}

func (m *model) limit() int {
	if m.capacity == 0 {
		return mailbox.DefaultCapacity
	}
	return m.capacity
}

func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return x == y })
}

// end tells a party how its call ended.
func (m *model) end(p *party, how string) {
	m.parties, m.receivers, m.senders = without(m.parties, p), without(m.receivers, p), without(m.senders, p)
	m.tell("%s: %s", p.name, how)
}

// enter is a Send, a TrySend or an Ask. It reports false if there is no room.
func (m *model) enter(p *party, l *letter) bool {
	if m.closed {
		m.end(p, "closed")
		return true
	}
	if len(m.receivers) == 0 && len(m.queue) >= m.limit() {
		return false
	}
	m.admit(p, l)
	return true
}

func (m *model) admit(p *party, l *letter) {
	l.place = m.entered
	m.entered++
	if l.asker == nil {
		m.end(p, "sent")
	}
	m.senders = without(m.senders, p)
	m.insert(l)
}

// insert gives a message to a waiting receiver, or puts it in its place.
func (m *model) insert(l *letter) {
	if len(m.receivers) > 0 {
		p := m.receivers[0]
		m.receivers = m.receivers[1:]
		m.hand(p, l)
		return
	}
	at := 0
	for at < len(m.queue) && m.queue[at].place < l.place {
		at++
	}
	m.queue = slices.Insert(m.queue, at, l)
}

func (m *model) admitWaiting() {
	for len(m.senders) > 0 && len(m.queue) < m.limit() {
		m.admit(m.senders[0], m.senders[0].sends)
	}
}

// receive is a Receive, a TryReceive, or the turn of a Process. It reports false
// if there is nothing.
func (m *model) receive(p *party) bool {
	switch {
	case len(m.queue) > 0:
		l := m.queue[0]
		m.queue = m.queue[1:]
		m.admitWaiting()
		m.hand(p, l)
	case m.closed:
		m.end(p, "closed")
	default:
		return false
	}
	return true
}

func (m *model) hand(p *party, l *letter) {
	if p.most == 0 {
		m.end(p, fmt.Sprint("got ", l.id))
		return
	}
	p.holds, p.buries = l, l.failures >= p.most
	if p.buries {
		m.tell("%s buries %d, delivered %d times", p.name, l.id, l.failures)
		return
	}
	m.tell("%s processes %d", p.name, l.id)
}

// done is the end of a function of Process; "ok" is nil.
func (m *model) done(p *party, how string) {
	l := p.holds
	if how != "ok" && how != "cancelled" && !p.buries {
		l.failures++
	}
	p.holds = nil
	if how == "ok" {
		if l.asker != nil {
			m.end(l.asker, fmt.Sprint("reply ", l.id))
		}
		if !m.receive(p) {
			m.receivers = append(m.receivers, p)
		}
		return
	}
	m.end(p, how)
	switch {
	case l.asker != nil:
		m.end(l.asker, "no reply: "+how)
	case !l.asked:
		m.insert(l)
	}
}

// cancel is the end of the context of a call.
func (m *model) cancel(p *party) {
	if p.holds != nil {
		m.done(p, "cancelled") // as its function heeds the context
		return
	}
	m.end(p, "cancelled")
	if p.sends != nil && p.sends.asker == p {
		p.sends.asker = nil
		m.queue = without(m.queue, p.sends)
		m.admitWaiting()
	}
}

func (m *model) close() {
	m.closed = true
	for len(m.senders) > 0 {
		m.end(m.senders[0], "closed")
	}
	for len(m.receivers) > 0 {
		m.end(m.receivers[0], "closed")
	}
}

// with returns the parties for which a condition holds, by name.
func (m *model) with(condition func(p *party) bool) []*party {
	var all []*party
	for _, p := range m.parties {
		if condition(p) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(p, q *party) int { return strings.Compare(p.name, q.name) })
	return all
}
