package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup/proc"
)

// A Spec says what to run as a plugin and how to make a T of it. It is plain
// data; all zero fields but those that are required are defaults.
type Spec[T any] struct {
	// Name stands for the plugin in errors. Default: the file name of the
	// binary.
	Name string
	// Command says how to run the binary: Path is required. Its Logger gets what
	// the plugin prints, lines in the JSON of go-hclog with their own level,
	// message and attributes, and a line with its level in brackets with that one
	// unless there is a Level. Its Ready, ReadyWithin, Live and Normal are not
	// for plugins, and must not be set; nor may a stream be Piped.
	//
	// go-plugin replaces os.Stdout and os.Stderr of a plugin that serves, and has
	// what is written there come through the connection: of that, the last words
	// are lost of a process that exits at once. A panic does not come that way.
	Command proc.Command

	// Handshake is what go-plugin calls so: the cookie by which host and plugin
	// know each other, required, and the version of the protocol that Dial
	// speaks.
	Handshake goplugin.HandshakeConfig
	// Dial makes a T of the connection to a plugin of that version: use [GRPC],
	// [NetRPC] or [Stub].
	Dial Dialer[T]
	// Versions are further versions of the protocol that will do. Host and
	// plugin agree on the highest that both have. Either Dial or Versions is
	// required.
	Versions map[int]Dialer[T]
	// Serves is the name under which the plugin serves T, the key of its
	// go-plugin PluginSet. Only net/rpc asks the plugin for it. Default
	// "plugin".
	Serves string
	// AutoMTLS makes both sides prove with certificates of their own that they
	// are who started, and who was started. It costs some 30 ms a start.
	AutoMTLS bool

	// Probe, if set, is called with each new T before it is ready; an error is a
	// failed start. Its context ends with the StartTimeout.
	Probe func(ctx context.Context, t T) error
	// StartTimeout is how long the plugin may take to be ready, from the start of
	// its process to the end of the Probe. Default [DefaultStartTimeout].
	//
	// It, the DrainTimeout and the Timeout of Liveness are extended once if the host
	// was stopped meanwhile, by SIGSTOP or because the machine was suspended.
	StartTimeout time.Duration
	// DrainTimeout is how long calls in flight may go on when the plugin is
	// replaced, or told to stop; at most half of its time for stopping then.
	// Default [DefaultDrainTimeout].
	DrainTimeout time.Duration
	// Liveness asks the plugin at intervals whether it is there. Default: it is
	// asked only when a call has failed in a way that makes one doubt it.
	Liveness Liveness

	// MaxMessage is how many bytes a message of the plugin may have: an answer, or
	// one element of a stream. Over gRPC a call with a longer answer fails with the
	// code ResourceExhausted; a call may have its own limit
	// (grpc.MaxCallRecvMsgSize). Over net/rpc, where no call can fail by itself, the
	// plugin is ended with [ErrLimit]; connections that a [Stub] has made through
	// its broker are not looked at. Default [DefaultMaxMessage].
	MaxMessage int
	// MaxBrokered is how many connections the plugin may open or offer through
	// go-plugin's broker within 5 s, each of which costs the host a goroutine for as
	// long. One that opens more is ended with [ErrLimit]. Default
	// [DefaultMaxBrokered].
	MaxBrokered int

	known *atomic.Pointer[version] // a version of the binary that serves a T; set with the defaults
}

// Liveness says how to notice a plugin that is there and does not answer. Each
// answer is a beat (sup.Beat), so that a child with Liveness may have a Watchdog.
// It is the process that is asked: a method that hangs while others are served
// is for the deadlines of those who call it.
type Liveness struct {
	// Interval is the time between two questions. 0 means that none are asked.
	Interval time.Duration
	// Timeout is the time for an answer. Default: Interval.
	Timeout time.Duration
	// Failures is how many questions in a row must stay unanswered for the
	// plugin to be unhealthy, which is an abnormal exit. Default 3.
	Failures int
}

// Defaults of [Spec].
const (
	DefaultStartTimeout = 10 * time.Second
	DefaultDrainTimeout = 2 * time.Second
)

// defaultServes is the name of the T where the spec has none.
const defaultServes = "plugin"

func (s Spec[T]) withDefaults() Spec[T] {
	s.Name = s.name()
	if s.Serves == "" {
		s.Serves = defaultServes
	}
	if s.StartTimeout == 0 {
		s.StartTimeout = DefaultStartTimeout
	}
	if s.DrainTimeout == 0 {
		s.DrainTimeout = DefaultDrainTimeout
	}
	if s.Liveness.Timeout == 0 {
		s.Liveness.Timeout = s.Liveness.Interval
	}
	if s.Liveness.Failures == 0 && s.Liveness.Interval != 0 {
		s.Liveness.Failures = 3
	}
	if s.MaxMessage == 0 {
		s.MaxMessage = DefaultMaxMessage
	}
	if s.MaxBrokered == 0 {
		s.MaxBrokered = DefaultMaxBrokered
	}
	s.Command.Args = slices.Clone(s.Command.Args)
	s.Command.Env = slices.Clone(s.Command.Env)
	s.Versions = maps.Clone(s.Versions)
	s.known = new(atomic.Pointer[version])
	return s
}

// dialers returns how to make a T at each version of the protocol.
func (s *Spec[T]) dialers() map[int]Dialer[T] {
	all := make(map[int]Dialer[T], len(s.Versions)+1)
	maps.Copy(all, s.Versions)
	if s.Dial.set() {
		all[int(s.Handshake.ProtocolVersion)] = s.Dial
	}
	return all
}

// check returns a [SpecError] with all faults, or nil.
func (s Spec[T]) check() error {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if err, ok := errors.AsType[*proc.CommandError](s.Command.Validate()); ok {
		for _, f := range err.Faults {
			fault("Command.%v", f)
		}
	}
	if !isZero(s.Command.Ready) || s.Command.ReadyWithin != 0 {
		fault("Command.Ready: a plugin is ready when it serves: leave it out, and see Probe and StartTimeout")
	}
	if !isZero(s.Command.Live) {
		fault("Command.Live: a plugin is asked through its connection: leave it out, and see Liveness")
	}
	if s.Command.Normal != nil {
		fault("Command.Normal: a plugin that ends by itself has failed: leave it out")
	}
	if s.Command.Stdout == proc.Piped || s.Command.Stderr == proc.Piped {
		fault("Command.Stdout and Stderr: a plugin's are read here: use Logged or Kept")
	}
	if s.Handshake.MagicCookieKey == "" || strings.Contains(s.Handshake.MagicCookieKey, "=") {
		fault("Handshake.MagicCookieKey %q names no environment variable: give the key that the plugin is served with", s.Handshake.MagicCookieKey)
	}
	if s.Handshake.MagicCookieValue == "" {
		fault("Handshake.MagicCookieValue is empty: give the value that the plugin is served with")
	}
	if !s.Dial.set() && len(s.Versions) == 0 {
		fault("Dial is not set: use GRPC, NetRPC or Stub")
	}
	for _, v := range slices.Sorted(maps.Keys(s.Versions)) {
		if !s.Versions[v].set() {
			fault("Versions[%d] is not set: use GRPC, NetRPC or Stub", v)
		}
		if v < 0 {
			fault("Versions[%d]: a version is 0 or more", v)
		}
		if s.Dial.set() && v == int(s.Handshake.ProtocolVersion) {
			fault("Versions[%d] and Dial are both of version %d: drop one", v, v)
		}
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"StartTimeout", s.StartTimeout}, {"DrainTimeout", s.DrainTimeout},
		{"Liveness.Interval", s.Liveness.Interval}, {"Liveness.Timeout", s.Liveness.Timeout},
	} {
		if d.value < 0 {
			fault("%s is %v: give 0 for the default, or more", d.field, d.value)
		}
	}
	if s.Liveness.Failures < 0 {
		fault("Liveness.Failures is %d: give 0 for the default, or more", s.Liveness.Failures)
	}
	if s.MaxMessage < 0 {
		fault("MaxMessage is %d: give 0 for %d bytes, or more", s.MaxMessage, DefaultMaxMessage)
	}
	if s.MaxBrokered < 0 {
		fault("MaxBrokered is %d: give 0 for %d, or more", s.MaxBrokered, DefaultMaxBrokered)
	}
	if s.Liveness.Interval == 0 && s.Liveness != (Liveness{}) {
		fault("Liveness has no Interval: give the time from one question to the next")
	}
	if faults == nil {
		return nil
	}
	return &SpecError{Name: s.name(), Faults: faults}
}

func (s *Spec[T]) name() string {
	if s.Name == "" && s.Command.Path != "" {
		return filepath.Base(s.Command.Path)
	}
	return s.Name
}

// file returns the version of the binary, or the zero version if it is one of
// $PATH.
func (s *Spec[T]) file() version {
	path := s.Command.Path
	if path == filepath.Base(path) {
		return version{}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Command.Dir, path)
	}
	v, _ := look(path) // the start says what is wrong with it
	return v
}

func isZero[V any](v V) bool { return reflect.ValueOf(&v).Elem().IsZero() }
