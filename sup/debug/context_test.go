package debug_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/google/go-cmp/cmp"
)

// A listing is an answer of the state endpoint.
type listing struct {
	Len    int
	Values bool
	More   bool
	Keys   []struct {
		Key, Value string
		Size       int
	}
}

// list requests the keys of a context.
func list(t *testing.T, o debug.Option, query string) listing {
	t.Helper()
	var l listing
	w := get(debug.Handler(sup.Inspect(sup.New(auction())), o), "/state?name=c&part="+query)
	if err := json.Unmarshal(w.Body.Bytes(), &l); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return l
}

func keys(l listing) []string {
	var keys []string
	for _, k := range l.Keys {
		keys = append(keys, k.Key)
	}
	return keys
}

func TestKeysAreListedInOrder(t *testing.T) {
	var numbers kv.Context[int, int]
	var names kv.Context[string, int]
	for _, n := range []int{100, 20, 3, -1} {
		numbers.Set(n, n)
		names.Set(strconv.Itoa(n), n)
	}
	for name, c := range map[string]struct {
		option debug.Option
		part   string
		want   []string
	}{
		"numbers":          {debug.Keys("c", &numbers), "", []string{"-1", "3", "20", "100"}},
		"text":             {debug.Keys("c", &names), "", []string{"-1", "100", "20", "3"}},
		"numbers, in part": {debug.Keys("c", &numbers), "0", []string{"20", "100"}},
		"none of them":     {debug.Keys("c", &numbers), "x", nil},
	} {
		if d := cmp.Diff(c.want, keys(list(t, c.option, c.part))); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestOnlyTheFirst500KeysAreListed(t *testing.T) {
	var c kv.Context[int, int]
	for n := range 2000 {
		c.Set(n, n)
	}
	l := list(t, debug.Keys("c", &c), "")
	if len(l.Keys) != 500 || !l.More || l.Len != 2000 || l.Keys[499].Key != "499" {
		t.Errorf("%d keys of %d, more: %t", len(l.Keys), l.Len, l.More)
	}
	l = list(t, debug.Keys("c", &c), "199")
	if len(l.Keys) != 12 || l.More {
		t.Errorf("%d keys, more: %t", len(l.Keys), l.More)
	}
}

func TestValuesAreShownOnlyWithTheOptionValues(t *testing.T) {
	var c kv.Context[string, string]
	c.Set("password", "open sesame")
	if l := list(t, debug.Keys("c", &c), ""); l.Values || l.Keys[0].Value != "" {
		t.Errorf("shown is %q", l.Keys[0].Value)
	}
	if l := list(t, debug.Values("c", &c), ""); !l.Values || l.Keys[0].Value != `"open sesame"` {
		t.Errorf("shown is %q", l.Keys[0].Value)
	}
}

// shy panics when it is encoded.
type shy struct{}

func (shy) MarshalJSON() ([]byte, error) { panic("not me") }

func TestAValueThatCannotBeEncodedIsShownWithTheReason(t *testing.T) {
	for _, v := range []struct {
		value any
		text  string
	}{
		{"four", `"four"`},
		{nil, `null`},
		{shy{}, "debug_test.shy without JSON: panic in code of the program: not me"},
		{func() {}, "func() without JSON: json: unsupported type: func()"},
	} {
		var c kv.Context[string, any]
		c.Set("k", v.value)
		if got := list(t, debug.Values("c", &c), "").Keys[0].Value; got != v.text {
			t.Errorf("%T is shown as %s", v.value, got)
		}
	}
}

func TestTheSizeOfAValueExcludesMemoryBehindPointersAndMaps(t *testing.T) {
	type parts struct {
		name  string
		pair  [2]string
		other any
		many  []int32
		ref   *[1000]int
		table map[string]int
	}
	const bare = 16 + 2*16 + 16 + 24 + 8 + 8
	for _, v := range []struct {
		value parts
		size  int
	}{
		{parts{}, bare},
		{parts{name: "abc", pair: [2]string{"d", "ef"}, other: "ghi"}, bare + 3 + 3 + 16 + 3},
		{parts{many: []int32{1, 2}}, bare + 2*4},
		{parts{ref: new([1000]int), table: map[string]int{"shared": 1}}, bare},
	} {
		var c kv.Context[string, parts]
		c.Set("k", v.value)
		if got := list(t, debug.Keys("c", &c), "").Keys[0].Size; got != v.size {
			t.Errorf("%+v: %d bytes, not %d", v.value, got, v.size)
		}
	}
}

// A scan of these element by element would take days.
func TestElementsOfFixedSizeAreNotScanned(t *testing.T) {
	type nothing struct {
		_ [0]func()
		_ struct{}
	}
	var c kv.Context[string, any]
	c.Set("array", [1 << 50]struct{}{})
	c.Set("of arrays", [1 << 50][0]*int{})
	c.Set("of structs", [1 << 50]nothing{})
	c.Set("with text", struct {
		many [1 << 50]nothing
		text [2]string
	}{text: [2]string{"abc", "de"}})
	got := make(map[string]int)
	for _, k := range list(t, debug.Keys("c", &c), "").Keys {
		got[k.Key] = k.Size
	}
	if d := cmp.Diff(map[string]int{"array": 0, "of arrays": 0, "of structs": 0, "with text": 2*16 + 5}, got); d != "" {
		t.Error(d)
	}
}

func TestChangesOfAContextAreSentInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c kv.Context[string, int]
		r := read(t, debug.Handler(sup.Inspect(sup.New(auction())), debug.Values("c", &c)), "/watch?name=c", "")
		synctest.Wait()
		const seconds = 5
		for i := range seconds * 1000 {
			c.Set(fmt.Sprint("k", i%3), i)
			time.Sleep(time.Millisecond)
		}
		c.Delete("k0")
		time.Sleep(time.Second)
		all := r.messages(t)
		r.close()
		if n := len(all); n < 5*seconds || n > 10*seconds+10 {
			t.Errorf("%d messages in %d seconds", n, seconds)
		}
		count := 0
		last := make(map[string]string)
		for _, m := range all {
			if len(m.Changes) > 3 {
				t.Errorf("%d changes of 3 keys in one message", len(m.Changes))
			}
			for _, change := range m.Changes {
				count += change.Count
				last[change.Key] = change.Value
				if !change.Present {
					delete(last, change.Key)
				}
			}
		}
		if count != seconds*1000+1 {
			t.Errorf("%d changes are sent", count)
		}
		if d := cmp.Diff(map[string]string{"k1": "4999", "k2": "4997"}, last); d != "" {
			t.Error(d)
		}
	})
}

func TestTheStreamOfAContextWithoutChangesStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c kv.Context[string, int]
		r := read(t, debug.Handler(sup.Inspect(sup.New(auction())), debug.Keys("c", &c)), "/watch?name=c", "")
		time.Sleep(time.Minute)
		c.Set("k", 1)
		time.Sleep(time.Second)
		all := r.messages(t)
		r.close()
		if len(all) != 1 || all[0].Changes[0].Key != "k" || all[0].Changes[0].Value != "" {
			t.Errorf("sent: %v", all)
		}
	})
}

// Browsers obey bidirectional controls, which JSON alone does not remove.
func TestKeysAndValuesAreEscaped(t *testing.T) {
	var c kv.Context[string, string]
	c.Set("a\u202eb", "c\u202ed")
	l := list(t, debug.Values("c", &c), "")
	if got := l.Keys[0].Key + " " + l.Keys[0].Value; got != `a\u202eb "c\u202ed"` {
		t.Errorf("shown is %s", got)
	}
}
