package proc

import "fmt"

// Limits bound what a process may use. They apply from its first instruction
// on, and its children inherit them. The zero value sets none.
//
// All need Linux; elsewhere, and where the host may not set one, the start is a
// [LimitError].
type Limits struct {
	// Rlimits are resource limits, see setrlimit(2): both the soft and the hard
	// one. To raise one above the host's own hard limit takes privileges.
	//
	// For these, the process is started under ptrace(2), which lets go of it
	// before its first instruction: a program that is set-user-ID or has file
	// capabilities does not get its privileges then.
	Rlimits map[Rlimit]uint64
	// Memory is how many bytes the process and its descendants may use together,
	// page cache included. Whoever wants more is killed, and all the others with
	// it (Exit.OOM).
	Memory int64
	// CPU is how many processors they may use together, 0.5 being half of one.
	CPU float64
	// Cgroup is the directory of the cgroup v2 below which a process gets a
	// control group of its own. Default, where Memory or CPU is set: the group of
	// the host. It must be writable, and its cgroup.subtree_control must name the
	// controllers that are needed; the kernel allows that only for groups without
	// processes, and the root.
	//
	// With a control group, what has left the process group is killed after the
	// end of the process too. The group is called espalier-HOST-N, after the process
	// id of the host. A host that is killed leaves it behind, with what has left the
	// process groups. The next host that uses this Cgroup kills and removes that: it
	// finds that nobody holds the lock (flock(2)) of the group.
	Cgroup string
}

// Rlimit names a resource limit.
type Rlimit uint8

const (
	// AddressSpace is the size of the address space in bytes (RLIMIT_AS). Go
	// programs reserve much more of it than they use.
	AddressSpace Rlimit = iota
	// CoreSize is the size of core dumps in bytes; 0: none (RLIMIT_CORE).
	CoreSize
	// CPUSeconds is the processor time in seconds, after which the process is
	// killed (RLIMIT_CPU).
	CPUSeconds
	// DataSize is the size of the data and the heap in bytes (RLIMIT_DATA).
	DataSize
	// FileSize is the size of the files that it writes in bytes (RLIMIT_FSIZE).
	FileSize
	// LockedMemory is how many bytes it may lock in memory (RLIMIT_MEMLOCK).
	LockedMemory
	// OpenFiles is one more than the highest descriptor (RLIMIT_NOFILE).
	OpenFiles
	// Processes is the number of processes and threads of its user, those of
	// other programs too (RLIMIT_NPROC).
	Processes
	// StackSize is the size of the stack in bytes (RLIMIT_STACK).
	StackSize
)

var rlimitNames = []string{
	"address space", "core size", "cpu seconds", "data size", "file size",
	"locked memory", "open files", "processes", "stack size",
}

// String returns "open files" and the like.
func (r Rlimit) String() string {
	if int(r) < len(rlimitNames) {
		return rlimitNames[r]
	}
	return fmt.Sprintf("proc.Rlimit(%d)", uint8(r))
}

func (l Limits) check(f *faults) {
	for r := range l.Rlimits {
		if int(r) >= len(rlimitNames) {
			f.add("Limits.Rlimits", "%v is none: use the constants of this package", r)
		}
	}
	if l.Memory < 0 {
		f.add("Limits.Memory", "%d is negative: use 0 for no limit", l.Memory)
	}
	if !(l.CPU >= 0) || l.CPU > 1<<20 {
		f.add("Limits.CPU", "%v is no number of processors: use 0 for no limit", l.CPU)
	}
	f.checkText("Limits.Cgroup", l.Cgroup)
}

// grouped reports whether the limits need a control group.
func (l Limits) grouped() bool { return l.Memory != 0 || l.CPU != 0 || l.Cgroup != "" }
