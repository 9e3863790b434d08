// Package storetest tests implementations of store.Store, and programs that use one.
//
// [Run] is the conformance suite: it checks the guarantees S1 to S7 of package store on
// any implementation. [Faulty] is a Store that delays, loses and cuts off calls, and
// leaves the outcome of commits unknown, as a network does.
//
//	func TestMyStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Store {
//			s := mystore.Open(t.TempDir())
//			t.Cleanup(func() { s.Close() })
//			return s
//		})
//	}
package storetest
