package plugin

import (
	"cmp"
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

// A Spec describes a plugin: the process to run and how to make a T from its
// connection. Zero fields mean the documented defaults.
type Spec[T any] struct {
	// Name is the name of the plugin in errors. Default: the file name of the binary.
	Name string
	// Command is the process to run. Its Path is required. Ready, ReadyWithin, Live
	// and Normal must not be set, and Stdout and Stderr must not be Piped. The sockets of
	// the plugin are below TMPDIR, which another User must be able to enter.
	//
	// Its Logger receives the output. A line in the JSON format of go-hclog sets the
	// level, the message and the attributes of its record. If Level is nil, a line with
	// its level in brackets has that level.
	//
	// go-plugin replaces os.Stdout and os.Stderr in a plugin that serves, and sends
	// what is written to them over the connection. The last of it is lost if the
	// process exits at once. The text of a panic is not sent this way.
	Command proc.Command

	// Handshake has the cookie by which host and plugin recognize each other, which is
	// required, and the version of the protocol that Dial speaks.
	Handshake goplugin.HandshakeConfig
	// Dial makes a T from the connection to a plugin of that version, see [GRPC],
	// [NetRPC] and [Stub]. Dial or Versions is required.
	Dial Dialer[T]
	// Versions has the dialers of further versions of the protocol. Host and plugin
	// use the highest version that both have.
	Versions map[int]Dialer[T]
	// Serves is the name under which the plugin serves T, its key in the PluginSet of
	// go-plugin. Only net/rpc uses the name. Default: "plugin".
	Serves string
	// AutoMTLS encrypts the connection. Both sides authenticate each other with
	// certificates made for it. It makes a start about 30 ms slower.
	AutoMTLS bool

	// Probe, if set, is called with each new T before the plugin is ready. An error
	// fails the start. The context ends with the StartTimeout.
	Probe func(ctx context.Context, t T) error
	// StartTimeout is the time from the start of the process to the end of Probe.
	// Default: [DefaultStartTimeout].
	//
	// StartTimeout, DrainTimeout and Liveness.Timeout are extended once if the host was
	// stopped meanwhile, by SIGSTOP or because the machine was suspended.
	StartTimeout time.Duration
	// DrainTimeout is the time for calls in flight to return when the plugin is
	// stopped or replaced. A stop uses at most half of its time for them. Default:
	// [DefaultDrainTimeout].
	DrainTimeout time.Duration
	// Liveness checks at intervals that the plugin answers. By default a plugin is
	// checked only after a call has failed in a way that may mean its end.
	Liveness Liveness

	// MaxMessage is the maximum size in bytes of an answer or of one element of a
	// stream. Default: [DefaultMaxMessage].
	//
	// Over gRPC, a call with a longer answer fails with the code ResourceExhausted, and
	// may set its own limit with grpc.MaxCallRecvMsgSize. Over net/rpc, a single call
	// cannot fail, so the plugin is ended with [ErrLimit]. The limit does not apply to
	// connections that a [Stub] opens through its broker.
	MaxMessage int
	// MaxBrokered is the maximum number of connections that the plugin may open or
	// offer through go-plugin's broker within 5 s. Each uses a goroutine of the host
	// for that time. A plugin that exceeds it is ended with [ErrLimit]. Default:
	// [DefaultMaxBrokered].
	MaxBrokered int

	// inProcess makes the T instead of a process; nil unless set by [InProcess]. shared
	// passes values to it as they are.
	inProcess func(ctx context.Context) (T, error)
	shared    bool

	// checkedFile is a version of the binary that is known to serve T. Set with the
	// defaults, shared by all copies of the spec.
	checkedFile *atomic.Pointer[version]
}

// Liveness configures the liveness checks of a plugin. Each answer is a [sup.Beat],
// so a child with Liveness may have a Watchdog.
//
// A check asks the process. A method that hangs while the plugin answers other calls
// is not found; calls of it need a deadline.
type Liveness struct {
	// Interval is the time between two checks. 0 means no checks.
	Interval time.Duration
	// Timeout is the time for an answer. Default: Interval.
	Timeout time.Duration
	// Failures is the number of checks in a row without an answer that make the plugin
	// unhealthy, which is an abnormal exit. Default: 3.
	Failures int
}

// Defaults of [Spec].
const (
	// DefaultStartTimeout is the default of [Spec].StartTimeout.
	DefaultStartTimeout = 10 * time.Second
	// DefaultDrainTimeout is the default of [Spec].DrainTimeout.
	DefaultDrainTimeout = 2 * time.Second
	// DefaultMaxMessage is the default of [Spec].MaxMessage, in bytes.
	DefaultMaxMessage = 64 << 20
	// DefaultMaxBrokered is the default of [Spec].MaxBrokered.
	DefaultMaxBrokered = 1000
)

// defaultServes is the default of [Spec].Serves.
const defaultServes = "plugin"

func (s Spec[T]) withDefaults() Spec[T] {
	s.Name = s.name()
	s.Serves = cmp.Or(s.Serves, defaultServes)
	s.StartTimeout = cmp.Or(s.StartTimeout, DefaultStartTimeout)
	s.DrainTimeout = cmp.Or(s.DrainTimeout, DefaultDrainTimeout)
	s.MaxMessage = cmp.Or(s.MaxMessage, DefaultMaxMessage)
	s.MaxBrokered = cmp.Or(s.MaxBrokered, DefaultMaxBrokered)
	if s.Liveness.Interval != 0 {
		s.Liveness.Timeout = cmp.Or(s.Liveness.Timeout, s.Liveness.Interval)
		s.Liveness.Failures = cmp.Or(s.Liveness.Failures, 3)
	}
	s.Command.Args = slices.Clone(s.Command.Args)
	s.Command.Env = slices.Clone(s.Command.Env)
	s.Versions = maps.Clone(s.Versions)
	s.checkedFile = new(atomic.Pointer[version])
	return s
}

// dialers returns the Dialer of each version of the protocol.
func (s *Spec[T]) dialers() map[int]Dialer[T] {
	all := make(map[int]Dialer[T], len(s.Versions)+1)
	maps.Copy(all, s.Versions)
	if s.Dial.isSet() {
		all[int(s.Handshake.ProtocolVersion)] = s.Dial
	}
	return all
}

// check returns a [SpecError] with all faults, or nil.
func (s Spec[T]) check() error {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if s.inProcess != nil {
		if err := CheckShape[T](); err != nil {
			return &SpecError{Name: s.name(), Faults: []string{err.Error()}}
		}
		return nil
	}
	if err, ok := errors.AsType[*proc.CommandError](s.Command.Validate()); ok {
		for _, f := range err.Faults {
			fault("Command.%v", f)
		}
	}
	if !isZero(s.Command.Ready) || s.Command.ReadyWithin != 0 {
		fault("Command.Ready: not for plugins: use Probe and StartTimeout")
	}
	if !isZero(s.Command.Live) {
		fault("Command.Live: not for plugins: use Liveness")
	}
	if s.Command.Normal != nil {
		fault("Command.Normal: not for plugins, whose exits are all abnormal: leave it out")
	}
	if s.Command.Stdout == proc.Piped || s.Command.Stderr == proc.Piped {
		fault("Command.Stdout, Stderr: Piped is not for plugins: use Logged or Kept")
	}
	if s.Handshake.MagicCookieKey == "" || strings.Contains(s.Handshake.MagicCookieKey, "=") {
		fault("Handshake.MagicCookieKey: %q is not the name of an environment variable: use the key of the plugin", s.Handshake.MagicCookieKey)
	}
	if s.Handshake.MagicCookieValue == "" {
		fault("Handshake.MagicCookieValue: is empty: use the value of the plugin")
	}
	if !s.Dial.isSet() && len(s.Versions) == 0 {
		fault("Dial: is not set: use GRPC, NetRPC or Stub")
	}
	for _, v := range slices.Sorted(maps.Keys(s.Versions)) {
		if !s.Versions[v].isSet() {
			fault("Versions[%d]: is not set: use GRPC, NetRPC or Stub", v)
		}
		if v < 0 {
			fault("Versions[%d]: the version is negative: use 0 or more", v)
		}
		if s.Dial.isSet() && v == int(s.Handshake.ProtocolVersion) {
			fault("Versions[%d]: Dial has the same version: leave one of them out", v)
		}
	}
	if d, ok := s.Dial.stub.(interface{ CheckShape() error }); ok {
		if err := d.CheckShape(); err != nil {
			fault("Dial: %v", err)
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
			fault("%s: %v is negative: use 0 for the default", d.field, d.value)
		}
	}
	for _, n := range []struct {
		field string
		value int
	}{
		{"Liveness.Failures", s.Liveness.Failures}, {"MaxMessage", s.MaxMessage}, {"MaxBrokered", s.MaxBrokered},
	} {
		if n.value < 0 {
			fault("%s: %d is negative: use 0 for the default", n.field, n.value)
		}
	}
	if s.Liveness.Interval == 0 && s.Liveness != (Liveness{}) {
		fault("Liveness.Interval: is 0 although another field is set: use the time between two checks")
	}
	if faults == nil {
		return nil
	}
	return &SpecError{Name: s.name(), Faults: faults}
}

func (s *Spec[T]) name() string {
	if s.Name == "" && s.inProcess != nil {
		return typeName[T]()
	}
	if s.Name == "" && s.Command.Path != "" {
		return filepath.Base(s.Command.Path)
	}
	return s.Name
}

// file returns the version of the binary. It is zero for a binary that is looked up
// in PATH, and for one that cannot be examined, because the start reports why.
func (s *Spec[T]) file() version {
	path := s.Command.Path
	if path == filepath.Base(path) {
		return version{}
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.Command.Dir, path)
	}
	v, _ := readVersion(path)
	return v
}

func isZero[V any](v V) bool { return reflect.ValueOf(&v).Elem().IsZero() }
