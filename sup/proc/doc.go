// Package proc supervises operating system processes: a [Command] says which
// program to run, and its method Worker is a start function for a child of a
// supervisor of package sup.
//
// # What is guaranteed
//
//  1. A process is started in Initialize, and the child is ready when its
//     [Readiness] says so: at once, by a line of output, a TCP port, an HTTP
//     status 2xx, a message, or, with [ReadyDone], its good end. A process that
//     ends otherwise before, or takes too long, is a failed start, and its error
//     has the process's last words.
//  2. Each process leads a process group of its own. To stop it, the group gets
//     the StopSignal, and so does a process that has left the group. It has the
//     time for stopping of the child as grace, and is killed before that is over,
//     and reaped. So a child that is a process is never stuck, except by a process
//     that hangs in the kernel, or by the caller's own functions. One that has
//     become another user's and cannot be killed is given up with an error, see
//     [Exit].Unkilled.
//  3. When the process has ended, whatever is left of its group is killed, and
//     with [Limits].Cgroup also what has left the group. Only then does Run
//     return, so that no incarnation meets remains of the one before. What is
//     left running all the same is in [Exit].Left and in the log.
//  4. On Linux a process dies with its host, however that dies: all processes
//     are started by threads that never end, and get SIGKILL when those do.
//  5. The exit is a value, [Exit]: code, signal, core dump, times, memory, the
//     last lines of output. Code 0 is normal, unless Normal says otherwise; all
//     else is an [ExitError], an abnormal exit.
//  6. Output is read line by line, logged, and the last lines kept. A slow log
//     never holds up the process: up to 256 lines wait for it, more are dropped,
//     and the log says how many. All that the process has written when it ends is
//     read. A line is at most [MaxLine] bytes long, and valid UTF-8.
//  7. A process that fails its [Liveness] probe too often in a row is unhealthy:
//     it is stopped as above, and its exit is abnormal.
//  8. [Limits], User, Group, Groups, Umask, Nice and Listeners apply from the
//     first instruction of the program on. What cannot be set is an error, and
//     nothing is left running. The host keeps its own.
//  9. A Command is checked before anything begins, and all its faults come in
//     one error.
//
// # Use
//
//	db := proc.Command{
//		Path:  "postgres",
//		Args:  []string{"-D", dir, "-p", "5433"},
//		Ready: proc.ReadyTCP("localhost:5433"),
//		Live:  proc.Liveness{Probe: proc.LiveTCP("localhost:5433")},
//	}
//	s, err := sup.Start(ctx, sup.Spec[*proc.Worker]{
//		Children: []sup.ChildSpec[*proc.Worker]{
//			{ID: "db", Start: db.Worker, Shutdown: 20 * time.Second, StartTimeout: time.Minute},
//		},
//	})
//	w, ok := s.Child("db").Get()
//	fmt.Println(w.Process().Pid())
//
// In a sup.Keyed, the start function changes its own copy of the Command before
// it calls Worker.
//
// Who wants the process alone uses [Command.Start], [Process.Wait] and
// [Process.Stop]; its output can be had as it is, see [Piped].
//
// # What a program can do about it
//
// In a group of its own a process is told nothing by the terminal: its Ctrl-C
// is for the host.
//
// A program that starts others can put them into groups or sessions of their
// own (setsid). Those are not found without a control group. Nor are the
// descendants of a process killed when the host is: only the process that the
// host has started is. The kernel also forgets about guarantee 4 when a process
// executes a program that is set-user-ID or set-group-ID, or has file
// capabilities.
//
// To recognize what a process leaves running, it has the variable
// ESPALIER_PROCESS in its environment, also where Env is empty. It may be
// removed: then nothing is said of what is left.
//
// # Containers
//
// In a container, the host may be process 1. Then every orphan becomes its child,
// and is a zombie when it ends, until the host reaps it. What is left in the group
// of a process is always reaped, and [ReapOrphans] reaps more. For all else, run an
// init as process 1, such as tini, or docker run --init.
//
// # Systems
//
// On Linux, all of it. On other Unix systems, guarantee 4 does not hold; a limit,
// Umask and Nice are errors that wrap errors.ErrUnsupported; Exit.Survivors and
// Exit.Left are empty; ReadyNotify knows no NOTIFY_SOCKET, and a process with
// Listeners no LISTEN_PID. Elsewhere there are no users, groups and signals
// either: to stop a process is to kill it, by itself; ReadyNotify, ExtraFiles and
// Listeners do not work; and where another process keeps its output open, a
// process ends a second late.
//
// All methods are safe for concurrent use.
package proc
