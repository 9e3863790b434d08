//go:build linux

package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// See the kernel's cgroup-v2.rst.
func TestLimitsAreWrittenInTheFormOfTheKernel(t *testing.T) {
	for _, tt := range []struct {
		limits Limits
		want   []string
	}{
		{Limits{Cgroup: "/x"}, nil},
		{Limits{Memory: 64 << 20}, []string{"memory.max 67108864", "memory.oom.group 1"}},
		{Limits{CPU: 0.5}, []string{"cpu.max 50000 100000"}},
		{Limits{CPU: 2.25}, []string{"cpu.max 225000 100000"}},
		{Limits{CPU: 0.001}, []string{"cpu.max 1000 100000"}}, // the minimum
	} {
		var got []string
		for _, s := range tt.limits.cgroupSettings() {
			got = append(got, s.file+" "+s.value)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAMissingControllerIsAnErrorWithAdvice(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"cgroup.controllers": "cpu io memory\n", "cgroup.subtree_control": "cpu\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkController(dir, "cpu"); err != nil {
		t.Error(err)
	}
	if err := checkController(dir, "memory"); err == nil || !strings.Contains(err.Error(), "write +memory to "+dir+"/cgroup.subtree_control") {
		t.Error(err)
	}
	if err := checkController(dir, "pids"); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

func TestAControlGroupReportsMemoryAndMembers(t *testing.T) {
	g := &cgroup{dir: t.TempDir()}
	if g.oom() || g.peak() != 0 {
		t.Error("a group without files reports memory")
	}
	for name, content := range map[string]string{"memory.events": "low 0\noom 1\noom_kill 2\n", "memory.peak": "4096\n", "cgroup.procs": "7\n8\n"} {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !g.oom() || g.peak() != 4096 {
		t.Errorf("out of memory %v, peak %d", g.oom(), g.peak())
	}
	if diff := cmp.Diff([]int{7, 8}, g.members()); diff != "" {
		t.Error(diff)
	}
}

// A temporary directory stands for the cgroup file system, because the test needs
// only directories and locks.
func TestAControlGroupGetsTheNextFreeName(t *testing.T) {
	parent := t.TempDir()
	next := cgroupCount.Load() + 1
	for n := range int64(3) { // from a host with the same id
		if err := os.Mkdir(filepath.Join(parent, fmt.Sprintf(groupName, os.Getpid(), next+n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	g, err := createCgroup(parent)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf(groupName, os.Getpid(), next+3); filepath.Base(g.dir) != want {
		t.Errorf("the group is %s, want %s", g.dir, want)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
}

func TestASweepRemovesTheControlGroupsOfAHostThatHasEnded(t *testing.T) {
	parent := t.TempDir()
	var groups []*cgroup
	for range 2 {
		g, err := createCgroup(parent)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	for _, name := range []string{"espalier-1", "other-1-2"} {
		if err := os.Mkdir(filepath.Join(parent, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	below := filepath.Join(groups[0].dir, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	groups[0].file.Close() // the kernel does so when a host ends
	sweepCgroups(parent)
	entries, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range entries {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff([]string{"espalier-1", filepath.Base(groups[1].dir), "other-1-2"}, got); diff != "" {
		t.Error(diff)
	}
	if err := groups[1].remove(); err != nil {
		t.Error(err)
	}
}

// Several hosts create and sweep concurrently.
func TestASweepKeepsTheControlGroupsOfRunningHosts(t *testing.T) {
	parent := t.TempDir()
	var hosts sync.WaitGroup
	for range 4 {
		hosts.Go(func() {
			for range 30 {
				g, err := createCgroup(parent)
				if err != nil {
					t.Error(err)
					return
				}
				sweepCgroups(parent)
				if stat, err := os.Stat(g.dir); err != nil || !stat.IsDir() {
					t.Errorf("group removed by a sweep: %v", err)
				}
				if err := g.remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	hosts.Wait()
}
