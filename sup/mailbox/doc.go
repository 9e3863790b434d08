// Package mailbox lets workers talk to each other by typed messages, which
// survive the worker that reads them: a [Mailbox] belongs to a tree and to no
// incarnation, so what was sent while a worker was down, or was not finished
// when it crashed, is for the next one.
//
// # Guarantees
//
//  1. The zero Mailbox is empty, open and ready to use, and holds 100 messages.
//     It must not be copied after first use.
//  2. Every method may be called by any number of goroutines. Messages are taken
//     in the order in which they were sent, and those who wait, for room or for a
//     message, are served in the order in which they came.
//  3. No message gets lost on its way: a Send that returned nil has put it into
//     the mailbox, one that returned an error has not, and a Receive that returned
//     an error has taken none, whatever is closed or cancelled at that moment.
//  4. [Mailbox.Process] delivers a message at least once: it is done when the
//     function returns nil. If the function returns an error, panics, calls
//     runtime.Goexit, or is stopped in the middle, the message goes back to its
//     place, before all that were sent after it, for the next incarnation.
//  5. When [Policy].Deliveries of its deliveries have failed it is handed to
//     [Policy].DeadLetter, with the reason, until that returns nil. Nothing is
//     dropped in silence. A delivery that a stop, a round for a sibling or a
//     hand-over has interrupted has not failed.
//  6. A message is with one Process at a time. If the supervisor replaces an
//     incarnation that is stuck ([sup.StuckAbandon]), the replacement takes over what the
//     stuck one holds.
//  7. [Ask] returns as soon as there is a reply, as its context ends, or as the
//     worker that holds the request in Process ends without one. A request is
//     delivered once at most.
//  8. No code of the caller runs under a lock, and the package keeps no goroutine.
//  9. No function panics on its arguments, and Process panics only with what its
//     functions panic with. (A nil *Mailbox is not an argument of its methods, which
//     panic as those of any nil pointer.)
//
// A mailbox lives as long as the program has a reference to it. What is in it when
// the process ends is lost; where that matters, keep messages in a log on disk.
// One that is used in a bubble of testing/synctest belongs to that bubble, as a
// channel does.
//
// # Usage
//
// In a struct that declares a tree the mailbox is a field, and its tag gives the
// capacity: cap=1000 or cap=unbounded. By hand, let the start functions close
// over it.
//
//	type Shop struct {
//		sup.Tree
//
//		Orders mailbox.Mailbox[Order] `sup:"cap=1000"`
//		Prices mailbox.Mailbox[mailbox.Call[Symbol, Price]]
//
//		Till   sup.Child[*Till]
//		Pricer sup.Child[*Pricer]
//	}
//
//	func (t *Till) Run(ctx context.Context) error {
//		return t.shop.Orders.Process(ctx, t.sell, mailbox.Policy[Order]{DeadLetter: t.refuse})
//	}
//
//	err := shop.Orders.Send(ctx, order)
//	price, err := mailbox.Ask(ctx, &shop.Prices, "ACME")
//
// A function of Process that fails is a worker that fails: the error goes to the
// supervisor. What is no reason to restart, such as an order that nobody can
// fulfil, the function deals with itself, and returns nil; to a request it
// answers with [Call.Fail].
//
// # Poison messages
//
// A message that is fatal to its worker costs the supervisor a restart for each
// delivery that fails: [Policy].Deliveries of them, 3 by default, which the default
// intensity of 3 restarts in 5 s just allows. Two such messages one after the other
// cost 6, and the supervisor gives up with the second; the message survives that, and
// so does the count of its failures. Where they can come in a row, give the child a
// backoff so that its restarts spread out over time, give the supervisor a larger
// intensity, set Deliveries to 1, or let the function return nil for a message that
// it refuses. A message that makes another worker fail, of which its own is only a
// sibling, is interrupted and delivered again each time; the intensity bounds that.
//
// # For those who know Erlang
//
// An Erlang mailbox dies with its process; this one is the tree's. A call of
// gen_server ([OTP 25]) and [Ask] compare so:
//
//	gen_server                            here
//	call(Server, Request, Timeout)        Ask(ctx, &box, request); no default of 5 s: ctx should have a deadline
//	cast(Server, Request)                 Send, TrySend; the mailbox is bounded, and says when it is full
//	handle_call, {reply, …}               Process, Call.Reply
//	{noreply, …}, gen_server:reply        Call.Reply later, until Process returns
//	exit noproc                           none: the request waits for the worker's next incarnation
//	exit of the server during the call    NoReplyError, at once, with the reason
//	exit timeout                          the cause of ctx; a request that no worker has taken is not delivered any more
//	a late reply                          Reply reports false; nothing arrives
//	call of itself: exit calling_self     not noticed: it waits until its ctx ends
//
// # For those who know ash-flare
//
// The mailbox module of ash-flare 2.3 carries strings, and is for one receiver:
//
//	ash-flare 2.3                         here
//	mailbox(config), mailbox_named        the zero Mailbox, New; a field of a tree has its name
//	MailboxConfig::default, bounded(100)  the zero Mailbox
//	MailboxConfig::bounded(n)             New(n), SetCapacity(n), cap=n; n of 0 is the default, and no panic
//	MailboxConfig::unbounded              Unbounded, cap=unbounded
//	MailboxHandle::send, try_send         Send, TrySend, on the Mailbox: there is one type
//	Mailbox::recv, try_recv               Receive, TryReceive, All; by any number of receivers
//	is_open                               Send and TrySend say so
//	worker_id                             none: a mailbox belongs to no worker
//	SendError::Closed                     ErrClosed, after Close; not when a worker ends
//	TrySendError::Full                    ErrFull
//	TryRecvError::Empty, Disconnected     ErrEmpty, ErrClosed
//
// [OTP 25]: https://www.erlang.org/docs/25/man/gen_server
package mailbox
