package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "update the checksum of control.proto")

// Generating the code takes minutes, so make proto saves a checksum of its input.
func TestTheGeneratedCodeIsUpToDate(t *testing.T) {
	const note = "testdata/control.proto.sha256"
	messages, err := os.ReadFile("../proto/espalier/v1/control.proto")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(messages)
	got := hex.EncodeToString(sum[:]) + "\n"
	if *update {
		if err := os.WriteFile(note, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("control.proto has changed since internal/gen was generated: run make proto")
	}
}
