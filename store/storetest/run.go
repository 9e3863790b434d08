package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/espalier-go/espalier/store"
)

// patience bounds every wait of the suite. It is long, because a busy machine is no fault
// of the store.
const patience = 2 * time.Minute

// Run tests that a store keeps the guarantees of package store. open returns a new and
// empty store for each part of the suite, and registers what closes it by t.Cleanup.
//
// The suite takes some seconds, because it waits for leases to end. If the store has a
// method Compact(context.Context, store.Rev) error, as [store.Memory] has, the suite
// tests with it what follows when old changes are forgotten.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(c *check)
	}{
		{"S1/RevisionsOnlyRise", (*check).revisionsOnlyRise},
		{"S1/CommitEachIsOneRevision", (*check).commitEachIsOneRevision},
		{"S2/ConditionsDecide", (*check).conditionsDecide},
		{"S2/ListIsOfOneRevision", (*check).listIsOfOneRevision},
		{"S2/Linearizable", (*check).linearizable},
		{"S2/ValuesAreCopied", (*check).valuesAreCopied},
		{"S3/ARefusedCallHasNoEffect", (*check).refusedCallHasNoEffect},
		{"S4/ALeaseEndsWithItsEntries", (*check).leaseEndsWithItsEntries},
		{"S4/ARenewedLeaseLasts", (*check).renewedLeaseLasts},
		{"S4/ARevokedLeaseIsGone", (*check).revokedLeaseIsGone},
		{"S4/AnEntryLeavesItsLease", (*check).entryLeavesItsLease},
		{"S5/AWatchYieldsEveryChange", (*check).watchYieldsEveryChange},
		{"S5/AWatchIsOfOnePrefix", (*check).watchIsOfOnePrefix},
		{"S5/AWatchReportsProgress", (*check).watchReportsProgress},
		{"S5/WatchesDuringWrites", (*check).watchesDuringWrites},
		{"S5/CompactedRevisionsAreAnError", (*check).compactedRevisionsAreAnError},
		{"S6/LimitsAreChecked", (*check).limitsAreChecked},
		{"S7/AnEndedContextHasNoEffect", (*check).endedContextHasNoEffect},
		{"S7/AContextEndsAWatch", (*check).contextEndsAWatch},
	} {
		t.Run(part.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			part.test(&check{T: t, ctx: ctx, s: open(t)})
		})
	}
}
