// The kinds of events, by the names that they have in sup/eventkind.go. A test compares
// the two. An event of another kind is only shown in the log.

export const childStarting = 'child starting';
export const childReady = 'child ready';
export const childStopping = 'child stopping';
export const childStuck = 'child stuck';
export const childExited = 'child exited';
export const childRestarting = 'child restarting';
export const childStopped = 'child stopped';
export const childQuarantined = 'child quarantined';
export const childRemoved = 'child removed';
export const supervisorStarted = 'supervisor started';
export const supervisorFailed = 'supervisor failed';
export const supervisorStopped = 'supervisor stopped';
export const observerPanicked = 'observer panicked';
