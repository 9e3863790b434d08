package proc

import (
	"context"
	"fmt"
)

// LiveExec returns a probe that runs a command and expects exit code 0, such as
// pg_isready of PostgreSQL.
//
// The process of the probe is independent of the probed one: check has a Dir, Env, User
// and Limits of its own. The last lines of its output are kept for the error, and not
// logged. When [Liveness].Timeout runs out, or the worker ends, its process group is
// killed. Stdout, Stderr, Ready, ReadyWithin, Live and Normal of check are ignored.
func LiveExec(check Command) LiveProbe {
	return LiveProbe{probe: probeExec(check), fault: execFault(check)}
}

// ReadyExec makes a process ready when a run of check ends with exit code 0, see
// [LiveExec]. A run takes at most five seconds.
func ReadyExec(check Command) Readiness {
	return Readiness{description: "exit code 0 of " + check.Path, probe: probeExec(check), fault: execFault(check)}
}

// probeCommand returns the command that a probe runs.
func probeCommand(check Command) Command {
	check.Stdout, check.Stderr = Kept, Kept
	check.Ready, check.ReadyWithin, check.Live, check.Normal = Readiness{}, 0, Liveness{}, nil
	return check
}

func probeExec(check Command) probe {
	check = probeCommand(check)
	return func(ctx context.Context, _ *Process) error {
		p, err := check.Start(ctx)
		if err != nil {
			return err
		}
		exit, err := p.Wait(ctx)
		if err != nil {
			exit = p.Stop(ctx, 0)
			return fmt.Errorf("%s: killed: %w%s", exit.Path, err, outputText(exit.Lines))
		}
		if exit.Code != 0 {
			return &ExitError{exit}
		}
		return nil
	}
}

// execFault returns what is wrong with the command of a probe, or "".
func execFault(check Command) string {
	if err := probeCommand(check).Validate(); err != nil {
		return err.Error()
	}
	return ""
}
