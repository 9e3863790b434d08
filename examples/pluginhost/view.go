package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// A screen is where the view goes.
type screen struct {
	out      io.Writer
	terminal bool // it can be drawn on
}

// newScreen returns a screen of a file; plain ones are never drawn on.
func newScreen(out *os.File, plain bool) screen {
	return screen{out, !plain && term.IsTerminal(out.Fd())}
}

// A View shows the status: as a picture on a terminal, and elsewhere as a line
// now and then.
type View struct {
	service *service
}

const (
	frame = 200 * time.Millisecond // between two pictures
	lull  = 2 * time.Second        // between two lines
)

// Run never ends by itself.
func (v *View) Run(ctx context.Context) error {
	if v.service.screen.terminal {
		return v.draw(ctx)
	}
	return v.write(ctx)
}

// write writes what the operator and the chaos do, and a line now and then.
func (v *View) write(ctx context.Context) error {
	turn := time.NewTicker(frame)
	defer turn.Stop()
	written := 0
	before, shown := v.service.status(), time.Now()
	for {
		var over bool
		select {
		case <-turn.C:
		case <-ctx.Done():
			over = true
		}
		for _, n := range v.service.journal.since(written) {
			if _, err := fmt.Fprintln(v.service.screen.out, n); err != nil {
				return err
			}
			written++
		}
		if over {
			return ctx.Err()
		}
		if time.Since(shown) < lull {
			continue
		}
		now := v.service.status()
		if _, err := fmt.Fprintln(v.service.screen.out, now.line(before)); err != nil {
			return err
		}
		before, shown = now, time.Now()
	}
}

// draw draws the status until ctx ends.
func (v *View) draw(ctx context.Context) error {
	p := tea.NewProgram(&picture{service: v.service}, tea.WithInput(nil), tea.WithOutput(v.service.screen.out), tea.WithoutSignalHandler())
	stop := context.AfterFunc(ctx, p.Quit)
	defer stop()
	if _, err := p.Run(); err != nil {
		return err
	}
	if ctx.Err() == nil {
		return errors.New("the picture has ended by itself")
	}
	return ctx.Err()
}

// picture is the model of what is drawn: the status, and one of a second ago.
type picture struct {
	service *service
	width   int
	history []status // one a frame; the first is compared to
}

type tick struct{}

func again() tea.Cmd { return tea.Tick(frame, func(time.Time) tea.Msg { return tick{} }) }

func (p *picture) Init() tea.Cmd { return func() tea.Msg { return tick{} } }

func (p *picture) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		p.width = m.Width
	case tick:
		const frames = int(time.Second / frame)
		p.history = append(p.history, p.service.status())
		p.history = p.history[max(0, len(p.history)-frames-1):]
		return p, again()
	}
	return p, nil
}

func (p *picture) View() tea.View {
	if len(p.history) == 0 {
		return tea.NewView("")
	}
	return tea.NewView(p.history[len(p.history)-1].screenful(p.history[0], p.width))
}
