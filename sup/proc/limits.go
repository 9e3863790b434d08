package proc

import "fmt"

// Limits bound the resources of a process and of its children. They apply from the
// first instruction of the program on. The zero value sets no limit.
//
// All limits require Linux. If the system does not have a limit or the host may not
// set it, the start fails with a [LimitError].
type Limits struct {
	// Rlimits are resource limits, see setrlimit(2). Each value becomes the soft and
	// the hard limit. A value above the hard limit of the host requires privileges.
	//
	// To set them, proc starts the process under ptrace(2), and detaches before its
	// first instruction. A program that is set-user-ID or has file capabilities does
	// not get its privileges then.
	Rlimits map[Rlimit]uint64
	// Memory is how many bytes the process and its descendants may use together,
	// including the page cache. If they use more, all of them are killed (Exit.OOM).
	Memory int64
	// CPU is how many processors they may use together; 0.5 is half a processor.
	CPU float64
	// Cgroup is the directory of the cgroup v2 below which each process gets a control
	// group of its own. Default, if Memory or CPU is set: the group of the host. It
	// must be writable, and its cgroup.subtree_control must list the necessary
	// controllers. The kernel allows that only for the root group and for groups
	// without processes.
	//
	// With a control group, descendants that have left the process group are killed
	// too when the process has ended. The control group is called espalier-HOST-N,
	// where HOST is the process id of the host. A host that is killed leaves its
	// control groups behind, and the processes that have left their process groups. The
	// next host that uses the same Cgroup kills and removes them. It recognizes them
	// because no process holds the lock (flock(2)) of the group.
	Cgroup string
}

// Rlimit names a resource limit.
type Rlimit uint8

const (
	// AddressSpace is the size of the address space in bytes (RLIMIT_AS). Go
	// programs reserve much more of it than they use.
	AddressSpace Rlimit = iota
	// CoreSize is the size of core dumps in bytes, 0 for none (RLIMIT_CORE).
	CoreSize
	// CPUSeconds is the processor time in seconds, after which the process is
	// killed (RLIMIT_CPU).
	CPUSeconds
	// DataSize is the size of the data and the heap in bytes (RLIMIT_DATA).
	DataSize
	// FileSize is the size of written files in bytes (RLIMIT_FSIZE).
	FileSize
	// LockedMemory is how many bytes may be locked in memory (RLIMIT_MEMLOCK).
	LockedMemory
	// OpenFiles is one more than the highest descriptor (RLIMIT_NOFILE).
	OpenFiles
	// Processes is the number of processes and threads of the user, including those
	// of other programs (RLIMIT_NPROC).
	Processes
	// StackSize is the size of the stack in bytes (RLIMIT_STACK).
	StackSize
)

var rlimitNames = []string{
	"address space", "core size", "cpu seconds", "data size", "file size",
	"locked memory", "open files", "processes", "stack size",
}

// String returns the name of the limit, such as "open files".
func (r Rlimit) String() string {
	if int(r) < len(rlimitNames) {
		return rlimitNames[r]
	}
	return fmt.Sprintf("proc.Rlimit(%d)", uint8(r))
}

func (l Limits) check(f *faults) {
	for r := range l.Rlimits {
		if int(r) >= len(rlimitNames) {
			f.add("Limits.Rlimits", "%v is not an Rlimit: use the constants of this package", r)
		}
	}
	if l.Memory < 0 {
		f.add("Limits.Memory", "%d is negative: use 0 for no limit", l.Memory)
	}
	if !(l.CPU >= 0) || l.CPU > 1<<20 {
		f.add("Limits.CPU", "%v is not a number of processors: use 0 for no limit", l.CPU)
	}
	f.checkText("Limits.Cgroup", l.Cgroup)
}

// needsCgroup reports whether the limits require a control group.
func (l Limits) needsCgroup() bool { return l.Memory != 0 || l.CPU != 0 || l.Cgroup != "" }
