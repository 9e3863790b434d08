package sup

import (
	"testing"
	"unsafe"
)

// Spec.Record says what an event takes.
func TestAnEventOnRecordTakesEightyBytes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the number is that of 64-bit systems")
	}
	if n := unsafe.Sizeof(entry{}); n != 80 {
		t.Errorf("%d bytes", n)
	}
}
