package plugin

import (
	"bytes"
	bits "encoding/binary"
	"encoding/gob"
	"errors"
	"strings"
	"testing"
)

// frame returns a frame of yamux.
func frame(kind byte, flags uint16, stream, length uint32, data string) string {
	b := []byte{0, kind}
	b = bits.BigEndian.AppendUint16(b, flags)
	b = bits.BigEndian.AppendUint32(b, stream)
	b = bits.BigEndian.AppendUint32(b, length)
	return string(b) + data
}

func dataFrame(stream uint32, data string) string {
	return frame(frameData, 0, stream, uint32(len(data)), data)
}

func gobOf(t *testing.T, value any) string {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(value); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFramesAreCheckedHoweverTheyAreDivided(t *testing.T) {
	short, long := gobOf(t, strings.Repeat("x", 90)), gobOf(t, strings.Repeat("x", 1000))
	var opened string
	for id := range uint32(4) {
		opened += frame(1, flagSYN, 2+2*id, 0, "") + dataFrame(2+2*id, string([]byte{byte(id), 0, 0, 0}))
	}
	for _, c := range []struct {
		name string
		sent string
		want error
	}{
		{"messages", dataFrame(controlStream, short+short) + dataFrame(typeStream, "\x01\x00\x00\x00"+short), nil},
		{"a long message to control", dataFrame(controlStream, short+long), ErrLimit},
		{"a long message in two frames", dataFrame(controlStream, short+long[:1]) + dataFrame(3, "x") + dataFrame(controlStream, long[1:]), ErrLimit},
		{"a long message to the type", dataFrame(typeStream, "\x01\x00\x00\x00"+long), ErrLimit},
		{"a lot of output", dataFrame(3, long), nil},
		{"connections", opened[:len(opened)*3/4], nil},
		{"too many connections", opened, ErrLimit},
		{"too many questions", strings.Repeat(frame(framePing, flagSYN, 0, 7, ""), 4), ErrLimit},
		{"answers", strings.Repeat(frame(framePing, 2, 0, 7, ""), 10), nil},
		{"two of one id", opened[:len(opened)/4] + frame(1, flagSYN, 10, 0, "") + dataFrame(10, "\x00\x00\x00\x00"), ErrLimit},
		{"another version", "\x01" + frame(0, 0, 1, 0, "")[1:], ErrUnreachable},
		{"another kind", frame(4, 0, 1, 0, ""), ErrUnreachable},
		{"no gob", dataFrame(controlStream, "\x80"), ErrUnreachable},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := 1; size <= len(c.sent); size++ {
				f := newLimitedConn(nil, newTransport(limits{message: 200, brokered: 3}, nil))
				var err error
				for rest := []byte(c.sent); len(rest) > 0 && err == nil; {
					n := min(size, len(rest))
					err = f.check(rest[:n])
					rest = rest[n:]
				}
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Fatalf("in pieces of %d bytes: %v", size, err)
				}
			}
		})
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(dataFrame(controlStream, "\x03abc")), 1)
	f.Add([]byte(frame(1, flagSYN, 2, 0, "")+dataFrame(2, "\x01\x00\x00\x00")), 5)
	f.Add([]byte(dataFrame(controlStream, "\xf8\xff\xff\xff\xff\xff\xff\xff\xff")), 3)
	f.Fuzz(func(t *testing.T, sent []byte, size int) {
		whole := newLimitedConn(nil, newTransport(limits{message: 200, brokered: 3}, nil))
		cut := newLimitedConn(nil, newTransport(limits{message: 200, brokered: 3}, nil))
		want := whole.check(sent)
		var got error
		for rest := sent; len(rest) > 0 && got == nil; {
			n := min(max(1, size), len(rest))
			got = cut.check(rest[:n])
			rest = rest[n:]
		}
		if (got == nil) != (want == nil) {
			t.Errorf("error %v at once, %v in pieces", want, got)
		}
	})
}
