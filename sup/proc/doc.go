// Package proc runs operating system processes as children of a supervisor of
// package sup. A [Command] describes the program, and its method
// [Command.Worker] is the start function of the child.
//
// The host is the Go program that uses this package.
//
// # Guarantees
//
//  1. The process is started in Initialize. The child is ready when its
//     [Readiness] says so: at once, or after a line of output, a TCP connection, a
//     greeting, an HTTP status 2xx, a successful run of another command, a message
//     or, with [ReadyDone], a successful end. If the
//     process ends or the time runs out before that, the start fails, and the
//     error contains the last output.
//  2. Each process leads a process group of its own. To stop it, proc sends the
//     StopSignal to the group, and to the process itself if it has changed its
//     group. The process is killed shortly before the shutdown timeout of the
//     child ends, and is then reaped. So the child is never stuck unless the
//     process hangs in the kernel or a function of the caller does not return. If
//     the host lacks the permission to kill the process, the child ends with an
//     error, see [Exit].Unkilled.
//  3. After the process has ended, proc kills what remains of its group. With
//     [Limits].Cgroup it also kills the descendants that have changed their group.
//     Run returns only after that, so no incarnation runs beside the remains of the
//     one before. [Exit].Left and the log name the processes that still run.
//  4. On Linux, a process dies with its host, however the host ends. All processes
//     are started by threads that never end, and get SIGKILL when those threads do.
//  5. [Exit] describes how the process ended: exit code, signal, core dump, times,
//     memory and the last lines of output. Exit code 0 is a normal exit and all else
//     is abnormal, with an [ExitError], unless Normal decides otherwise.
//  6. Output is read line by line and logged, and the last lines are kept. A slow
//     log never blocks the process: up to 256 lines wait, and further lines are
//     dropped and counted in the log. Everything that the process wrote before its
//     end is read. A line has at most [MaxLine] bytes and is valid UTF-8.
//  7. A process that fails its [Liveness] probe several times in a row is unhealthy.
//     It is stopped, and its exit is abnormal.
//  8. [Limits], User, Group, Groups, Umask, Nice and Listeners apply from the first
//     instruction of the program on. A setting that cannot be applied fails the
//     start, and no process remains. The settings of the host do not change.
//  9. A Command is validated before anything starts. One error reports all faults.
//
// # Use
//
//	search := proc.Command{
//		Path:  "meilisearch",
//		Args:  []string{"--http-addr", "localhost:7700"},
//		Ready: proc.ReadyHTTP("http://localhost:7700/health"),
//		Live:  proc.Liveness{Probe: proc.LiveHTTP("http://localhost:7700/health")},
//	}
//	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
//		Children: []sup.ChildSpec[*proc.Worker]{
//			{ID: "search", Start: search.Worker, Shutdown: 20 * time.Second, StartTimeout: time.Minute},
//		},
//	})
//	w, ok := s.Child("search").Get()
//	fmt.Println(w.Process().Pid())
//
// With a sup.Keyed, the start function changes its own copy of the Command before
// it calls Worker.
//
// Without a supervisor, use [Command.Start], [Process.Wait] and [Process.Stop]. The
// output is available as a stream too, see [Piped].
//
// # What a program can still do
//
//   - A program can start processes in groups or sessions of their own (setsid).
//     Without a control group, they are not killed.
//   - A program that is killed with its host leaves its own descendants running.
//     Only the process that the host has started gets the SIGKILL of guarantee 4.
//   - A program that executes a set-user-ID or set-group-ID program, or one with
//     file capabilities, loses guarantee 4. The kernel then clears the setting.
//   - A program can remove ESPALIER_PROCESS from the environment of its
//     descendants. proc sets this variable, even if Env is empty, to find what a
//     process leaves running. Descendants without it are missing in Exit.Left.
//
// A terminal sends Ctrl-C to the group of the host only, not to its processes.
//
// # Containers
//
// In a container the host is often process 1. Every orphan then becomes a child of
// the host, and stays a zombie after its end until the host reaps it. proc always
// reaps the group of a process, and [ReapOrphans] reaps more. For all else, run an
// init such as tini as process 1, or use docker run --init.
//
// # Systems
//
// On Linux, everything in this documentation holds.
//
// On other Unix systems:
//
//   - Guarantee 4 does not hold.
//   - Limits, Umask and Nice are errors that wrap errors.ErrUnsupported.
//   - Exit.Survivors and Exit.Left are always empty.
//   - ReadyNotify offers no NOTIFY_SOCKET, and Listeners no LISTEN_PID.
//
// On systems that are not Unix, in addition:
//
//   - There are no users, groups and signals. Stop kills the process, and nothing
//     else.
//   - ReadyNotify, ExtraFiles and Listeners do not work.
//   - If another process keeps the output open, the end of the process is noticed
//     one second late.
//
// All methods of this package are safe for concurrent use.
package proc
