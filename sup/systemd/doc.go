// Package systemd makes a program with a supervision tree a service of systemd. It
// reports when the tree is ready, healthy and stopping, and returns the sockets that
// systemd has opened.
//
// # Guarantees
//
//  1. READY=1 is sent when [Follow] is called, which is after the tree has started.
//  2. STOPPING=1 is sent when the tree begins to stop, for any reason. The status has
//     the error with which the tree ends.
//  3. With WatchdogSec, WATCHDOG=1 is sent at half of that interval, as long as the
//     tree is healthy: no child at any depth is sup.StateStuck, and Options.Healthy,
//     if set, returns nil. Go cannot kill a goroutine, but systemd can restart the
//     program. It sends SIGABRT, on which Go prints all stacks. A child that is stuck
//     for less than half of the interval has no effect. Nor has an abandoned child
//     (sup.Abandon).
//  4. If the tree is not healthy, the status has the reason.
//  5. A message that cannot be sent is logged, and has no other effect.
//
// # Use
//
// [Follow] sends all reports. Call it at the end of main:
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
// If systemd has not started the program, or the unit has another Type, Follow sends
// nothing and only waits for the end of the tree.
//
// [Sockets] returns the sockets of a socket unit. They stay open until the program
// ends. Each incarnation of a worker gets its own listener from [Socket.Listener], so
// that a restart refuses no connection.
//
// The protocols are described in sd_notify(3) and sd_listen_fds(3). Both are small and
// stable, so this package implements them without a library.
//
// All functions and methods are safe for concurrent use.
package systemd
