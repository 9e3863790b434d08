//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// logger writes to the original standard error of the process.
var logger = hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr, JSONFormat: true})

// standardError is the original standard error. go-plugin replaces os.Stderr.
var standardError = os.Stderr

// serve is the main function of each kind of plugin.
func serve(kind string) {
	kind, arg, _ := strings.Cut(kind, "=")
	config := &goplugin.ServeConfig{
		HandshakeConfig: handshake,
		Logger:          logger,
	}
	grpcPlugins := func(service string) goplugin.PluginSet {
		return goplugin.PluginSet{"plugin": grpcWords{service: service, impl: words{}}}
	}
	switch kind {
	case "host":
		hostRole()
	case "starved-host":
		starvedHostRole(arg)
	case "starved-dir":
		starvedDirRole(arg)
	case "watching-host":
		watchingHostRole()
	case "nested-host":
		nestedHostRole(arg)
	case "grpc":
		config.Plugins = grpcPlugins(serviceName)
		config.GRPCServer = goplugin.DefaultGRPCServer
	case "netrpc":
		config.Plugins = goplugin.PluginSet{"plugin": rpcWords{words{}}}
	case "version": // of the protocol
		version, _ := strconv.Atoi(arg)
		config.VersionedPlugins = map[int]goplugin.PluginSet{version: grpcPlugins(serviceName)}
		config.GRPCServer = goplugin.DefaultGRPCServer
	case "other-service":
		config.Plugins = grpcPlugins("words.Others")
		config.GRPCServer = goplugin.DefaultGRPCServer
	case "other-name":
		config.Plugins = goplugin.PluginSet{"other": rpcWords{words{}}}
	case "rubbish":
		fmt.Println("Hello, I am no plugin.")
		fmt.Fprintln(os.Stderr, "though I talk a lot")
		hang()
	case "endless":
		for {
			fmt.Print(strings.Repeat("x", 4096))
		}
	case "old-core":
		fmt.Println("7|1|unix|/nowhere|grpc")
		hang()
	case "nowhere":
		fmt.Println("1|1|unix|/nowhere|grpc")
		hang()
	case "deserter": // joins the group of the host, so that signals to its own do not reach it
		parent, err := syscall.Getpgid(os.Getppid())
		if err == nil {
			err = syscall.Setpgid(0, parent)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(6)
		}
		if arg == "silent" {
			hang()
		}
		config.Plugins = grpcPlugins(serviceName)
		config.GRPCServer = goplugin.DefaultGRPCServer
	case "silent":
		fmt.Fprintln(os.Stderr, "I am thinking")
		hang()
	case "exit":
		fmt.Fprintln(os.Stderr, "I have no licence")
		os.Exit(3)
	case "once": // exits at each start but the first
		if _, err := os.Stat(arg); err == nil {
			fmt.Fprintln(os.Stderr, "second start")
			os.Exit(4)
		}
		os.WriteFile(arg, nil, 0o600)
		config.Plugins = grpcPlugins(serviceName)
		config.GRPCServer = goplugin.DefaultGRPCServer
	default:
		fmt.Fprintln(os.Stderr, "unknown kind of plugin:", kind)
		os.Exit(5)
	}
	goplugin.Serve(config)
}

// hostRole is a host with a plugin for each protocol. It prints their process ids, and
// continues until it is killed.
func hostRole() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	var pids []string
	for _, wire := range wires {
		spec := plugin.Spec[Words]{
			Command:   proc.Command{Path: self, Env: environ(wire), Stdout: proc.Kept, Stderr: proc.Kept},
			Handshake: handshake,
			Dial:      plugin.Stub[Words](eitherWords{}),
		}
		s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
			Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(spec).Start}},
		})
		if err != nil {
			panic(err)
		}
		c, _ := s.Child("words").Get()
		pids = append(pids, strconv.Itoa(c.Pid()))
	}
	fmt.Println(strings.Join(pids, " "))
	hang()
}

// starvedHostRole is a host that starts a plugin without a free descriptor, with one, and
// so on until the start succeeds. It prints the errors.
func starvedHostRole(wire string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	spec := plugin.Spec[Words]{
		Command:   proc.Command{Path: self, Env: environ(wire), Stdout: proc.Kept, Stderr: proc.Kept},
		Handshake: handshake,
		Dial:      plugin.Stub[Words](eitherWords{}),
	}
	start := func() error {
		c, err := plugin.NewSource(spec).Start(context.Background())
		if err == nil {
			err = errors.Join(c.Initialize(context.Background()), c.Terminate(context.Background(), sup.Exit{}))
		}
		return err
	}
	if err := start(); err != nil { // opens the files that stay open
		panic(err)
	}
	all := takeDescriptors()
	for n := 0; ; n++ {
		err := start()
		if err == nil {
			fmt.Println("started with", n)
			os.Exit(0)
		}
		fmt.Println(errors.Is(err, syscall.EMFILE), err)
		all[0].Close()
		all = all[1:]
	}
}

// takeDescriptors opens files until no descriptor is free.
func takeDescriptors() (all []*os.File) {
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 100, Max: 100}); err != nil {
		panic(err)
	}
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return all
		}
		all = append(all, file)
	}
}

// starvedDirRole is a host of a directory. It renames the plugin ".a" to "a" while it has
// too few descriptors to start it. Then it frees the descriptors, and prints the result.
func starvedDirRole(path string) {
	os.Unsetenv(role)
	dir, err := plugin.StartDir(context.Background(), plugin.DirSpec[Words]{
		Path: path,
		Spec: func(string) (plugin.Spec[Words], bool) {
			return plugin.Spec[Words]{
				Command:   proc.Command{Stdout: proc.Kept, Stderr: proc.Kept},
				Handshake: handshake,
				Dial:      plugin.GRPC(newGRPCWords),
			}, true
		},
		Settle:  50 * time.Millisecond,
		Budget:  sup.Intensity{Restarts: 1, Within: time.Hour},
		Backoff: sup.Backoff{Min: time.Millisecond},
	})
	if err != nil {
		panic(err)
	}
	all := takeDescriptors()
	for range 4 { // enough to read the directory, but not to start a plugin
		all[0].Close()
		all = all[1:]
	}
	if err := os.Rename(path+"/.a", path+"/a"); err != nil {
		panic(err)
	}
	for len(dir.List()) == 0 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(3 * time.Second) // for failed starts
	for _, file := range all {
		file.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience.Bound)
	defer cancel()
	err = plugin.Do(ctx, dir.Plugins.Child("a"), func(ctx context.Context, w Words) error {
		_, err := w.Count(ctx, "one")
		return err
	})
	info, _ := dir.Plugins.Child("a").Info()
	fmt.Println(info.Incarnation, info.BudgetUsed, errors.Join(err, dir.Shutdown(context.Background())))
	os.Exit(0)
}

// watchingHostRole is a host with liveness checks. It prints the process id of its plugin,
// and after it has read a line, the last exit.
func watchingHostRole() {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(plugin.Spec[Words]{
			Command:   proc.Command{Path: self, Env: environ("grpc"), Stdout: proc.Kept, Stderr: proc.Kept},
			Handshake: handshake,
			Dial:      plugin.GRPC(newGRPCWords),
			Liveness:  plugin.Liveness{Interval: 10 * time.Millisecond, Timeout: watchingTimeout, Failures: 1},
		}).Start}},
	})
	if err != nil {
		panic(err)
	}
	c, _ := s.Child("words").Get()
	fmt.Println(c.Pid())
	fmt.Scanln()
	time.Sleep(watchingTimeout / 4) // for a failure that is due
	info, _ := s.Child("words").Info()
	fmt.Printf("last exit: %v\n", info.LastExit)
	if err := s.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	os.Exit(0)
}

// watchingTimeout is the Timeout of the checks.
const watchingTimeout = 4 * time.Second

// nestedHostRole is a host that prints variables in the environment of its plugin.
func nestedHostRole(variable string) {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	os.Setenv(role, "grpc")
	s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(plugin.Spec[Words]{
			Command:   proc.Command{Path: self, Stdout: proc.Kept, Stderr: proc.Kept},
			Handshake: handshake,
			Dial:      plugin.GRPC(newGRPCWords),
		}).Start}},
	})
	if err != nil {
		panic(err)
	}
	for _, name := range strings.Split(variable, ",") {
		err = errors.Join(err, plugin.Do(context.Background(), s.Child("words"), func(ctx context.Context, w Words) error {
			answer, err := w.Tell(ctx, "env "+name)
			fmt.Printf("%s=%s\n", name, answer)
			return err
		}))
	}
	if err := errors.Join(err, s.Shutdown(context.Background())); err != nil {
		panic(err)
	}
	os.Exit(0)
}

func hang() { time.Sleep(time.Hour) }

// obey carries out the order of a test in the plugin.
func obey(ctx context.Context, order string) (string, error) {
	verb, arg, _ := strings.Cut(order, " ")
	switch verb {
	case "big":
		n, err := strconv.Atoi(arg)
		return strings.Repeat("x", n), err
	case "offer": // connections
		n, err := strconv.Atoi(arg)
		for id := range n {
			offer(uint32(1000 + id))
		}
		return "", err
	case "offer-twice": // the same
		offer(1000)
		offer(1000)
	case "pid":
		return strconv.Itoa(os.Getpid()), nil
	case "env":
		return os.Getenv(arg), nil
	case "fail":
		return "", errors.New(arg)
	case "sleep":
		d, err := time.ParseDuration(arg)
		if err != nil {
			return "", err
		}
		select {
		case <-time.After(d):
			return "slept", nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	case "print":
		fmt.Println(arg)
	case "raw": // past go-plugin
		fmt.Fprintln(standardError, arg)
	case "mutter": // as go-plugin does
		log.Print("[DEBUG] " + arg)
	case "log":
		logger.Warn(arg, "n", 7)
	case "error":
		logger.Error(arg)
	case "exit":
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "panic":
		panic(arg)
	case "kill":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		hang()
	case "kill-once": // arg is a file that records the first call
		if _, err := os.Stat(arg); err == nil {
			return "alive", nil
		}
		os.WriteFile(arg, nil, 0o600)
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		hang()
	case "stop":
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case "hang-up": // closes all connections and continues
		for fd := 3; fd < 64; fd++ {
			if kind, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil && strings.HasPrefix(kind, "socket:") {
				syscall.Shutdown(fd, syscall.SHUT_RDWR)
			}
		}
	default:
		return "", fmt.Errorf("unknown order %q", order)
	}
	return "done", nil
}
