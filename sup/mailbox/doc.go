// Package mailbox provides typed messages between workers that outlive the worker
// that reads them.
//
// A [Mailbox] belongs to a tree and not to an incarnation. Messages that were sent
// while a worker was down, or were not finished when it crashed, go to its next
// incarnation.
//
// # Guarantees
//
//  1. The zero Mailbox is empty, open and ready to use, and holds 100 messages. It
//     must not be copied after first use.
//  2. All methods are safe for concurrent use. Messages are received in the order in
//     which they were sent. Waiting senders and receivers are served in the order in
//     which they came.
//  3. No message is lost on its way. A Send that returned nil has put its message
//     into the mailbox, and one that returned an error has not. A Receive that
//     returned an error has taken no message.
//  4. [Mailbox.Process] delivers each message at least once. A message is done when
//     the function returns nil. If the function returns an error, panics, calls
//     runtime.Goexit or is interrupted, the message returns to its place in the
//     order, before all messages that were sent after it.
//  5. When [Policy].Deliveries deliveries of a message have failed, Process passes the
//     message to [Policy].DeadLetter, with the reason, until that returns nil. No
//     message is dropped silently. A delivery that was interrupted by a stop, by a
//     round for a sibling, or by a takeover has not failed.
//  6. A message is in one Process at a time. If the supervisor replaces a stuck
//     incarnation ([sup.StuckAbandon]), the replacement takes over its message.
//  7. [Ask] returns when there is a reply, when its context ends, or when the worker
//     whose Process holds the request ends without a reply. A request is delivered
//     at most once.
//  8. No code of the caller runs under a lock, and the package keeps no goroutine.
//  9. No function panics because of its arguments, and Process panics only with what
//     its functions panic with. Methods of a nil *Mailbox panic like those of any nil
//     pointer.
//
// A mailbox lives as long as the program refers to it. Its messages are lost when the
// process ends. A mailbox that is used in a bubble of testing/synctest belongs to
// that bubble, like a channel.
//
// # Usage
//
// In a declared tree a mailbox is a field, and its tag gives the capacity (cap=1000 or
// cap=unbounded). In a tree that is built by hand, let the start functions close over
// it.
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
// An error of the function passed to Process is a failure of the worker, which the
// supervisor sees. A problem that is no reason to restart, such as an order that
// cannot be fulfilled, is for the function to handle before it returns nil. It answers
// a request with [Call.Fail].
//
// # Poison messages
//
// A message that is fatal to its worker costs one restart for each failed delivery.
// By default these are 3 ([Policy].Deliveries), which the default intensity of 3
// restarts in 5 s just allows. Two such messages in a row cost 6 restarts, so the
// supervisor gives up at the second one. The message and the count of its failures
// survive that.
//
// If such messages can come in a row, give the child a backoff that spreads its
// restarts over time, give the supervisor a larger intensity, set Deliveries to 1, or
// return nil for a message that the worker refuses. A message that makes a sibling of
// its worker fail is interrupted and delivered again each time, which only the
// intensity bounds.
//
// # Compared with Erlang
//
// An Erlang mailbox dies with its process. A Mailbox belongs to the tree. A call of
// gen_server ([OTP 25]) corresponds to [Ask]:
//
//	gen_server                            here
//	call(Server, Request, Timeout)        Ask(ctx, &box, request); no default of 5 s: ctx should have a deadline
//	cast(Server, Request)                 Send, TrySend; the mailbox is bounded, and TrySend returns ErrFull
//	handle_call, {reply, …}               Process, Call.Reply
//	{noreply, …}, gen_server:reply        Call.Reply later, until Process returns
//	exit noproc                           none: the request waits for the worker's next incarnation
//	exit of the server during the call    NoReplyError, at once, with the reason
//	exit timeout                          the cause of ctx; a request that no worker has taken is never delivered
//	a late reply                          Reply reports false; nothing arrives
//	call of itself: exit calling_self     not detected; waits until ctx ends
//
// # Compared with ash-flare
//
// The mailbox module of ash-flare 2.3 carries strings and has one receiver:
//
//	ash-flare 2.3                         here
//	mailbox(config), mailbox_named        the zero Mailbox, New; a field of a tree has its name
//	MailboxConfig::default, bounded(100)  the zero Mailbox
//	MailboxConfig::bounded(n)             New(n), SetCapacity(n), cap=n; 0 means the default and does not panic
//	MailboxConfig::unbounded              Unbounded, cap=unbounded
//	MailboxHandle::send, try_send         Send, TrySend, methods of the Mailbox
//	Mailbox::recv, try_recv               Receive, TryReceive, All; by any number of receivers
//	is_open                               the error of Send and TrySend
//	worker_id                             none: a mailbox belongs to no worker
//	SendError::Closed                     ErrClosed, after Close; not when a worker ends
//	TrySendError::Full                    ErrFull
//	TryRecvError::Empty, Disconnected     ErrEmpty, ErrClosed
//
// [OTP 25]: https://www.erlang.org/docs/25/man/gen_server
package mailbox
