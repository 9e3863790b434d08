package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// A screen is the destination of the view.
type screen struct {
	out      io.Writer
	terminal bool // out is a terminal that the view draws on
}

// newScreen returns a screen. If plain is true, the view writes lines even on a terminal.
func newScreen(out *os.File, plain bool) screen {
	return screen{out, !plain && term.IsTerminal(out.Fd())}
}

// A View shows the status. It draws on a terminal, and writes lines elsewhere.
type View struct {
	service *service
}

const (
	frameInterval = 200 * time.Millisecond // between two drawings
	lineInterval  = 2 * time.Second        // between two lines
)

// Run shows the status until ctx ends.
func (v *View) Run(ctx context.Context) error {
	if v.service.screen.terminal {
		return v.draw(ctx)
	}
	return v.write(ctx)
}

// write writes the notes of the journal, and the status at intervals.
func (v *View) write(ctx context.Context) error {
	ticker := time.NewTicker(frameInterval)
	defer ticker.Stop()
	written := 0
	before, shown := v.service.status(), time.Now()
	for {
		var over bool
		select {
		case <-ticker.C:
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
		if time.Since(shown) < lineInterval {
			continue
		}
		now := v.service.status()
		if _, err := fmt.Fprintln(v.service.screen.out, now.line(before)); err != nil {
			return err
		}
		before, shown = now, time.Now()
	}
}

// draw draws the status until ctx ends, or until all files are converted. It returns when
// ctx ends.
func (v *View) draw(ctx context.Context) error {
	defer v.service.drawnOnce()
	drawing, cancel := context.WithCancel(ctx)
	defer cancel()
	var ending sync.WaitGroup
	ending.Go(func() {
		select {
		case <-v.service.converted:
			cancel()
		case <-drawing.Done():
		}
	})
	defer ending.Wait()
	defer cancel()
	p := tea.NewProgram(&screenModel{service: v.service}, tea.WithInput(nil), tea.WithOutput(v.service.screen.out), tea.WithoutSignalHandler())
	stop := context.AfterFunc(drawing, func() {
		p.Send(tick{}) // the last drawing has the last status
		p.Quit()
	})
	defer stop()
	if _, err := p.Run(); err != nil {
		return err
	}
	if drawing.Err() == nil {
		return errors.New("drawing ended early")
	}
	v.service.drawnOnce()
	<-ctx.Done()
	return ctx.Err()
}

// screenModel is the model of the drawing.
type screenModel struct {
	service *service
	width   int
	history []status // one for each frame of the last second
}

type tick struct{}

func nextTick() tea.Cmd { return tea.Tick(frameInterval, func(time.Time) tea.Msg { return tick{} }) }

func (p *screenModel) Init() tea.Cmd { return func() tea.Msg { return tick{} } }

func (p *screenModel) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch m := message.(type) {
	case tea.WindowSizeMsg:
		p.width = m.Width
	case tick:
		const frames = int(time.Second / frameInterval)
		p.history = append(p.history, p.service.status())
		p.history = p.history[max(0, len(p.history)-frames-1):]
		return p, nextTick()
	}
	return p, nil
}

func (p *screenModel) View() tea.View {
	if len(p.history) == 0 {
		return tea.NewView("")
	}
	return tea.NewView(p.history[len(p.history)-1].render(p.history[0], p.width))
}
