package main

import (
	"context"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// A service has a host and what the children of the host need. It implements
// HostChildren.
type service struct {
	host     *Host
	dir      string
	source   fs.FS // of dir
	binaries *binaries
	replicas int
	timeout  time.Duration // of a call
	page     string        // address of the debug page; empty for none
	control  string        // address of the control server; empty for none
	plan     []fault
	screen   screen
	stay     bool // the host stays up when all files are converted
	logger   *slog.Logger
	begin    time.Time

	pools   map[content.Kind]*pool
	text    *replicas[*content.Text]
	outline *replicas[*content.Outline]
	picture *replicas[*content.Picture]
	archive *replicas[*content.Listing]

	journal    journal
	ends       kv.Context[endKind, int] // of plugin processes
	duplicates atomic.Int32             // results of files that had one
	pageURL    atomic.Pointer[string]   // of the debug page; nil until it is served

	// Closed by convertedOnce and drawnOnce when all files are converted, and then when
	// the view draws no longer. Both are used if stay is set only.
	converted, drawn         chan struct{}
	convertedOnce, drawnOnce func()
}

func newService(c config, source fs.FS, b *binaries, logger *slog.Logger, out screen) *service {
	s := &service{
		dir: c.dir, source: source, binaries: b, replicas: c.replicas, timeout: c.timeout,
		page: c.debug, control: c.control, screen: out, logger: logger, begin: time.Now(),
		stay:      out.terminal && (c.debug != "" || c.control != ""),
		converted: make(chan struct{}), drawn: make(chan struct{}),
	}
	s.convertedOnce = sync.OnceFunc(func() { close(s.converted) })
	s.drawnOnce = sync.OnceFunc(func() { close(s.drawn) })
	if c.chaos {
		s.plan = newPlan(c.seed)
	}
	s.host = NewHost(s, sup.ObserverFunc(s.countEnd), sup.Log(logger))
	h, program := s.host, programSpec{b, c.timeout, logger}
	s.text = newReplicas(&h.Text, specOf(program, content.TextKind, content.NewTextsClient, content.Texts_ServiceDesc), textResult)
	s.outline = newReplicas(&h.Outline, specOf(program, content.OutlineKind, content.NewOutlinesClient, content.Outlines_ServiceDesc), outlineResult)
	s.picture = newReplicas(&h.Picture, specOf(program, content.PictureKind, content.NewPicturesClient, content.Pictures_ServiceDesc), pictureResult)
	s.archive = newReplicas(&h.Archive, specOf(program, content.ArchiveKind, content.NewArchivesClient, content.Archives_ServiceDesc), archiveResult)
	s.pools = map[content.Kind]*pool{
		content.TextKind:    newPool(content.TextKind, s.text),
		content.OutlineKind: newPool(content.OutlineKind, s.outline),
		content.PictureKind: newPool(content.PictureKind, s.picture),
		content.ArchiveKind: newPool(content.ArchiveKind, s.archive),
	}
	return s
}

func (s *service) NewControl(_ context.Context, h *Host) (*remote.Server, error) {
	if s.control == "" {
		return nil, sup.ErrIgnore
	}
	return remote.NewServer(sup.Control(h), remote.Config{Address: s.control, Logger: s.logger}), nil
}

func (s *service) NewPage(_ context.Context, h *Host) (*Page, error) {
	if s.page == "" {
		return nil, sup.ErrIgnore
	}
	return &Page{host: h, service: s}, nil
}

func (s *service) NewText(ctx context.Context, _ *Host, _ int) (*TextPlugin, error) {
	return s.text.source.Start(ctx)
}

func (s *service) NewOutline(ctx context.Context, _ *Host, _ int) (*OutlinePlugin, error) {
	return s.outline.source.Start(ctx)
}

func (s *service) NewPicture(ctx context.Context, _ *Host, _ int) (*PicturePlugin, error) {
	return s.picture.source.Start(ctx)
}

func (s *service) NewArchive(ctx context.Context, _ *Host, _ int) (*ArchivePlugin, error) {
	return s.archive.source.Start(ctx)
}

func (s *service) NewOperator(context.Context, *Host) (*Operator, error) {
	return &Operator{service: s, failures: make(map[string]int)}, nil
}

func (s *service) NewChaos(_ context.Context, h *Host) (*Chaos, error) {
	if s.plan == nil {
		return nil, sup.ErrIgnore
	}
	return &Chaos{host: h, service: s}, nil
}

func (s *service) NewView(context.Context, *Host) (*View, error) { return &View{s}, nil }

func (s *service) NewWorkers(_ context.Context, h *Host, _ int) (*Worker, error) {
	return &Worker{h, s}, nil
}

func (s *service) NewWalk(_ context.Context, h *Host) (*Walk, error) {
	return &Walk{host: h, service: s, plan: s.plan}, nil
}

func (s *service) CountText() int    { return s.replicas }
func (s *service) CountOutline() int { return s.replicas }
func (s *service) CountPicture() int { return s.replicas }
func (s *service) CountArchive() int { return s.replicas }

// CountWorkers returns the number of plugins.
func (s *service) CountWorkers() int { return s.replicas * len(content.Kinds) }
