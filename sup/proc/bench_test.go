//go:build linux

package proc_test

import (
	"context"
	"os/exec"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

// BenchmarkStartAndEnd compares a process with one of os/exec that has a group, dies
// with its host, and has its output read too.
func BenchmarkStartAndEnd(b *testing.B) {
	for name, run := range map[string]func() error{
		"exec": func() error {
			cmd := exec.Command("true")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
			_, err := cmd.CombinedOutput()
			return err
		},
		"process": func() error {
			p, err := proc.Command{Path: "true", Stdout: proc.Kept, Stderr: proc.Kept}.Start(context.Background())
			if err != nil {
				return err
			}
			exit, err := p.Wait(context.Background())
			if err != nil {
				return err
			}
			return exit.Err()
		},
		"process-with-rlimit": func() error {
			command := proc.Command{Path: "true", Stdout: proc.Kept, Stderr: proc.Kept}
			command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.CoreSize: 0}
			p, err := command.Start(context.Background())
			if err != nil {
				return err
			}
			_, err = p.Wait(context.Background())
			return err
		},
		"worker": func() error {
			s := sup.New(sup.Spec[*proc.Worker]{
				AutoShutdown: sup.AutoShutdownAnySignificant,
				Children: []sup.ChildSpec[*proc.Worker]{{
					ID: "one", Restart: sup.Transient, Significant: true,
					Start: proc.Command{Path: "true", Stdout: proc.Kept, Stderr: proc.Kept}.Worker,
				}},
			})
			return s.Run(context.Background())
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
