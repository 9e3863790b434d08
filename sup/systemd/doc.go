// Package systemd connects a program that has a supervision tree with systemd,
// whose service it is: it tells systemd when the tree is ready, that it is alive,
// and that it stops, and takes the sockets that systemd has opened.
//
// # Use
//
// [Follow] does all of the telling. It belongs at the end of main:
//
//	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
//	defer stop()
//	s, err := sup.Start(ctx, spec)
//	if err != nil {
//		log.Fatal(err)
//	}
//	if err := systemd.Follow(context.Background(), s, systemd.Options{}); err != nil {
//		log.Fatal(err)
//	}
//
// with a unit such as
//
//	[Service]
//	Type=notify
//	ExecStart=/usr/bin/program
//	WatchdogSec=30
//	Restart=on-failure
//
// A program that systemd has not started, or that is not a Type=notify, can do
// the same: there is nobody to tell then.
//
// [Sockets] are those of a socket unit. They stay open as long as the program
// runs, and each incarnation of a worker gets a listener of its own from
// [Socket.Listener], so that no restart refuses a connection.
//
// # What is guaranteed
//
//  1. READY=1 is sent when Follow is called, which is when the tree has started.
//  2. STOPPING=1 is sent when the tree begins to end, for whatever reason, with
//     the error that it ends with as the status.
//  3. With WatchdogSec, WATCHDOG=1 is sent at half of that time, as long as the
//     tree is healthy: no child at any depth is sup.Stuck, and Options.Healthy, if
//     set, returns nil. Go cannot kill a goroutine, but systemd can restart the
//     program. It does so by SIGABRT, upon which Go prints all stacks.
//     A child that is stuck for less than half of the time does no harm, and one
//     that was abandoned (sup.Abandon) counts as replaced.
//  4. A status says why the tree is not healthy.
//  5. A message that cannot be sent is logged, and does no harm otherwise.
//
// The protocols are those of sd_notify(3) and sd_listen_fds(3). They are small and
// fixed, and so are written out here instead of pulling in a library: package sup
// and what is close to it bring nothing into a program.
//
// All functions and methods are safe for concurrent use.
package systemd
