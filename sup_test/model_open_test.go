package sup_test

// What the model found and what is not settled yet. Where one of these is true
// the model follows the engine, so that what lies behind is found too; false
// is what the contract says.
const (
	// ErrRunning is documented for a child that is stopping. While a round stops
	// it Restart and Delete answer ErrRestarting, also for a temporary one, which
	// does not come back.
	openStoppedByARoundIsRestarting = true
	// X1 stops in reverse order, one after the other. A child that is starting,
	// though, is cancelled as soon as the supervisor begins to end, unless it is
	// one that is restarted alone: that waits for its turn.
	openStartsAreCancelledAtOnce = true
	// The State Restarting is documented for what waits for its round. A
	// transient that had finished shows it only when the round has come to it.
	openFinishedTransientsWaitUnseen = true
	// S2: a supervisor one of whose children cannot be started has failed to
	// start. A nested one that then waits for a stuck child is taken for ready.
	openStuckStartsAreTakenForReady = true
	// StartChild says that what is added during a round is not part of it. Its
	// failure before the round starts its children is.
	openRoundsTakeTheAdded = false
	// X6: only a child that may be abandoned has two incarnations at once. The
	// supervisor of one that escalates does not wait for it, and where it is
	// nested its parent starts the same child again beside the one that is stuck.
	openEscalatedAreLeftBehind = true
	// A supervisor that ends restarts nobody. A child whose backoff is over then,
	// under one_for_one, begins all the same, until its turn to stop has come.
	openWaitsGoOnInTheEnd = false
	// X3: a set stops its children under one timer. Where an operator has told one
	// of them to stop before, the timer is that one's: the time of the others is
	// not kept. Where that one is stuck already, the set waits for the whole time
	// of the others, though they have stopped.
	openSetsKeepTheWrongTime = false
	// A round waits for a stuck child that is to be restarted (X6). It waits as well
	// for one that was added meanwhile, or is temporary, and acts on no other
	// failure until then.
	openRoundsWaitForOthers = true
)
