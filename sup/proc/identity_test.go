//go:build linux

package proc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/proc"
)

// self is a script that prints the identity of its process.
const self = `id -u; id -g; id -G; umask; nice; echo "$HOME $USER $LOGNAME"`

// needRoot reports whether the tests run as root. If not, it checks that the start of
// the command fails with a clear error.
func needRoot(t *testing.T, command proc.Command) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	if _, err := command.Start(t.Context()); !errors.Is(err, proc.ErrCommand) || !strings.Contains(err.Error(), "only root may") {
		t.Errorf("the error is %v", err)
	}
	return false
}

func TestAProcessRunsAsItsUserAndGroups(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := nobody.GroupIds()
	if err != nil {
		t.Fatal(err)
	}
	as := func(change func(*proc.Command)) proc.Command {
		c := proc.Command{Path: "sh", Args: []string{"-c", self}, Stdout: proc.Kept, Stderr: proc.Kept, Dir: "/"}
		change(&c)
		return c
	}
	home := nobody.HomeDir + " nobody nobody"
	own := os.Getenv("HOME") + " " + os.Getenv("USER") + " " + os.Getenv("LOGNAME")
	umask, nice := fmt.Sprintf("%04o", hostUmask(t)), fmt.Sprint(hostNice(t))
	for _, tt := range []struct {
		name    string
		command proc.Command
		want    []string
	}{
		{"a name", as(func(c *proc.Command) { c.User = "nobody" }),
			[]string{nobody.Uid, nobody.Gid, strings.Join(groups, " "), umask, nice, home}},
		{"a number", as(func(c *proc.Command) { c.User = nobody.Uid }),
			[]string{nobody.Uid, nobody.Gid, strings.Join(groups, " "), umask, nice, home}},
		{"a user without an entry", as(func(c *proc.Command) { c.User, c.Group = "54321", "54322" }),
			[]string{"54321", "54322", "54322", umask, nice, own}},
		{"groups", as(func(c *proc.Command) { c.User, c.Group, c.Groups = "nobody", "4", []string{"5", "daemon"} }),
			[]string{nobody.Uid, "4", "4 1 5", umask, nice, home}},
		{"no groups", as(func(c *proc.Command) { c.User, c.Groups = "nobody", []string{} }),
			[]string{nobody.Uid, nobody.Gid, nobody.Gid, umask, nice, home}},
		{"its own environment", as(func(c *proc.Command) {
			c.User, c.Env = "nobody", []string{"HOME=/x", "USER=y", "PATH=" + os.Getenv("PATH")}
		}),
			[]string{nobody.Uid, nobody.Gid, strings.Join(groups, " "), umask, nice, "/x y "}},
		{"with umask and nice value", as(func(c *proc.Command) { c.User, c.Umask, c.Nice = "nobody", new(fs.FileMode(0o137)), 7 }),
			[]string{nobody.Uid, nobody.Gid, strings.Join(groups, " "), "0137", "7", home}},
		{"under ptrace", as(func(c *proc.Command) {
			c.User, c.Limits.Rlimits = "nobody", map[proc.Rlimit]uint64{proc.CoreSize: 0}
		}), []string{nobody.Uid, nobody.Gid, strings.Join(groups, " "), umask, nice, home}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !needRoot(t, tt.command) {
				return
			}
			exit := exitOf(t, tt.command)
			if diff := cmp.Diff(tt.want, texts(exit.Lines)); diff != "" {
				t.Errorf("%v: %s", exit, diff)
			}
		})
	}
}

func hostUmask(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	var umask int
	_, after, _ := strings.Cut(string(status), "Umask:")
	if _, err := fmt.Sscanf(after, "%o", &umask); err != nil {
		t.Fatal(err)
	}
	return umask
}

func hostNice(t *testing.T) int {
	t.Helper()
	priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - priority // as the kernel has it
}

// Neither requires privileges, and those of the host do not change.
func TestAProcessHasAUmaskAndANiceValueOfItsOwn(t *testing.T) {
	umask, nice := hostUmask(t), hostNice(t)
	for _, tt := range []struct {
		umask *fs.FileMode
		nice  int
		want  []string
	}{
		{new(fs.FileMode(0)), 0, []string{"0000", fmt.Sprint(nice)}},
		{new(fs.FileMode(0o777)), 19, []string{"0777", "19"}},
		{nil, 12, []string{fmt.Sprintf("%04o", umask), "12"}},
		{nil, 0, []string{fmt.Sprintf("%04o", umask), fmt.Sprint(nice)}},
	} {
		command := proc.Command{Path: "sh", Args: []string{"-c", "umask; nice"}, Umask: tt.umask, Nice: tt.nice, Stdout: proc.Kept}
		exit := exitOf(t, command)
		if diff := cmp.Diff(tt.want, texts(exit.Lines)); diff != "" {
			t.Error(diff)
		}
	}
	if hostUmask(t) != umask || hostNice(t) != nice {
		t.Errorf("the host has umask %o and nice value %d", hostUmask(t), hostNice(t))
	}
}

// The thread that starts processes with a umask has a working directory of its own.
func TestAProcessWithAUmaskStartsInTheDirectoryOfTheHost(t *testing.T) {
	command := proc.Command{Path: "./where", Umask: new(fs.FileMode(0o022)), Stdout: proc.Kept}
	for range 2 {
		dir := t.TempDir()
		t.Chdir(dir)
		if err := os.WriteFile("where", []byte("#!/bin/sh\npwd\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		exit := exitOf(t, command)
		if diff := cmp.Diff([]string{dir}, texts(exit.Lines)); diff != "" {
			t.Error(diff)
		}
	}
	command.Path, command.Dir = "sh", "/"
	command.Args = []string{"-c", "pwd"}
	if diff := cmp.Diff([]string{"/"}, texts(exitOf(t, command).Lines)); diff != "" {
		t.Error(diff)
	}
}

func TestAProcessOfAnotherUserStopsAndDiesWithItsHost(t *testing.T) {
	command := proc.Command{Path: "sleep", Args: []string{"1000"}, Dir: "/", User: "nobody", Umask: new(fs.FileMode(0)), Stdout: proc.Kept}
	if !needRoot(t, command) {
		return
	}
	p := start(t, command)
	if exit := p.Stop(t.Context(), 1<<62); exit.Signal != syscall.SIGTERM {
		t.Errorf("the exit is %v", exit)
	}
	host := start(t, fake("drop", "host"))
	var child int
	if _, err := fmt.Sscan(awaitLine(t, host, "child "), &child); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(host.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-host.Done()
	eventually(t, "the end of the process", func() bool { return gone(child) })
}

// dropRole starts a process of another user and sleeps, or becomes another user and
// prints the errors of commands.
func dropRole(args []string) int {
	command := proc.Command{Path: "sleep", Args: []string{"1000"}, Dir: "/", User: "nobody", Umask: new(fs.FileMode(0)), Stdout: proc.Kept}
	if args[0] == "host" {
		p, err := command.Start(background)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("child", p.Pid())
		return sleepRole(nil)
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(60), syscall.Setuid(5)); err != nil {
		fmt.Println(err)
		return 1
	}
	for _, c := range []proc.Command{
		{Path: "sleep", User: "nobody", Nice: 20},
		{Path: "sleep", Group: "4"},
		{Path: "sleep", Groups: []string{}},
		{Path: "true", Dir: "/", User: "5", Group: "60"}, // the user of the host
		{Path: "true", Dir: "/", Nice: -5},
	} {
		p, err := c.Start(background)
		fmt.Println(strings.ReplaceAll(fmt.Sprint(err), "\n\t", " / "))
		if err == nil {
			<-p.Done()
		}
	}
	return 0
}

func TestAnotherUserIsAFaultOfAHostThatIsNotRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		needRoot(t, proc.Command{Path: "true", User: "54321", Group: "1"})
		return
	}
	exit := exitOf(t, fake("drop", "user"))
	want := []string{
		`command "sleep" has 2 faults: / User: is 65534, but the host runs as 5, and only root may start a process as another user: leave User out, or run the host as root / Nice: 20 is out of range: use -20 to 19, and 0 for the value of the host`,
		`command "sleep": Group: changes the groups, but the host runs as 5, and only root may do so: leave User, Group and Groups out, or run the host as root`,
		`command "sleep": Groups: changes the groups, but the host runs as 5, and only root may do so: leave User, Group and Groups out, or run the host as root`,
		"<nil>",
		"true: start: Nice: to -5: permission denied",
	}
	if diff := cmp.Diff(want, texts(exit.Lines)); diff != "" {
		t.Error(diff)
	}
}

func TestAProgramThatTheUserMayNotExecuteIsAnError(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	command := proc.Command{Path: program, User: "nobody"}
	if !needRoot(t, command) {
		return
	}
	_, err := command.Start(t.Context())
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "as user nobody: ") {
		t.Errorf("the error is %v", err)
	}
}

func TestUsersAndGroupsAreValidated(t *testing.T) {
	for _, tt := range []struct {
		command proc.Command
		want    []string
	}{
		{proc.Command{Path: "x", User: "no-such-user", Group: "no-such-group", Groups: []string{"0", "nix", "-1"}}, []string{
			`User: "no-such-user" is not a user of this system: write a name or a number`,
			`Group: "no-such-group" is not a group of this system: write a name or a number`,
			`Groups[1]: "nix" is not a group of this system: write a name or a number`,
			`Groups[2]: "-1" is not a group of this system: write a name or a number`,
		}},
		{proc.Command{Path: "x", User: "54321"}, []string{
			"Group: is empty, and the user database has no group for user 54321: name a group",
		}},
		{proc.Command{Path: "x", User: "4294967295"}, []string{
			`User: "4294967295" is not a user of this system: write a name or a number`,
		}},
		{proc.Command{Path: "x", User: "a\x00b"}, []string{
			`User: "a\x00b" is not a user of this system: write a name or a number`,
		}},
		{proc.Command{Path: "x", Nice: -21, Umask: new(fs.FileMode(0o1000))}, []string{
			"Nice: -21 is out of range: use -20 to 19, and 0 for the value of the host",
			"Umask: 01000 is not a mask of permissions: use 0 to 0777",
		}},
	} {
		err := tt.command.Validate()
		faults, ok := errors.AsType[*proc.CommandError](err)
		if !ok {
			t.Errorf("the error is %v", err)
			continue
		}
		var got []string
		for _, f := range faults.Faults {
			got = append(got, f.String())
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestEnvironHasTheVariablesOfTheUserUnlessEnvIsSet(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	of := func(env []string) string {
		for i, entry := range slices.Backward(env) {
			if strings.HasPrefix(entry, "HOME=") {
				return env[i]
			}
		}
		return ""
	}
	if got, want := of(proc.Command{User: "nobody"}.Environ()), "HOME="+nobody.HomeDir; got != want {
		t.Errorf("of another user: %q, want %q", got, want)
	}
	for _, c := range []proc.Command{{}, {User: "there-is-no-such-user"}} {
		if got, want := of(c.Environ()), of(proc.Environ()); got != want {
			t.Errorf("of user %q: %q, want %q", c.User, got, want)
		}
	}
	if got := (proc.Command{User: "nobody", Env: []string{"A=b"}}).Environ(); !slices.Equal(got, []string{"A=b"}) {
		t.Errorf("with Env: %q", got)
	}
}
