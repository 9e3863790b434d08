// Package systemd makes a program with a supervision tree a good service of
// systemd. It reports when the tree is ready, alive and stopping, and takes over
// sockets that systemd has opened.
//
// # Use
//
// [Follow] sends all reports. It belongs at the end of main:
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
// In a program that systemd has not started, or whose unit has another Type, Follow
// sends nothing and only waits for the end of the tree.
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
//     tree is healthy: no child at any depth is sup.StateStuck, and Options.Healthy, if
//     set, returns nil. Go cannot kill a goroutine, but systemd can restart the
//     program. It does so by SIGABRT, upon which Go prints all stacks. A child
//     that is stuck for less than half of the time has no effect, nor has one that
//     was abandoned (sup.StuckAbandon).
//  4. A status says why the tree is not healthy.
//  5. A message that cannot be sent is logged, and does no harm otherwise.
//
// The protocols are those of sd_notify(3) and sd_listen_fds(3). Both are small and
// fixed, so this package implements them itself and needs no library.
//
// All functions and methods are safe for concurrent use.
package systemd
