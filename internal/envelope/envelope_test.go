package envelope_test

import (
	"bytes"
	"testing"

	"github.com/espalier-go/espalier/internal/envelope"
)

// What was sealed is opened again, and what was changed is an error.
func FuzzEnvelope(f *testing.F) {
	f.Add(uint64(7), []byte("value"), 3, byte(1))
	f.Add(uint64(0), []byte{}, 0, byte(255))
	f.Fuzz(func(t *testing.T, stamp uint64, value []byte, at int, flip byte) {
		sealed := envelope.Seal(stamp, value)
		gotStamp, got, err := envelope.Open(sealed)
		if err != nil || gotStamp != stamp || !bytes.Equal(got, value) {
			t.Fatalf("sealed %d %q, opened %d %q %v", stamp, value, gotStamp, got, err)
		}
		envelope.Open(value)
		if flip == 0 {
			return
		}
		sealed[uint(at)%uint(len(sealed))] ^= flip
		if _, _, err := envelope.Open(sealed); err == nil {
			t.Error("an envelope that was changed was opened without an error")
		}
		if _, _, err := envelope.Open(sealed[:len(sealed)-1]); err == nil {
			t.Error("an envelope that was cut short was opened without an error")
		}
	})
}
