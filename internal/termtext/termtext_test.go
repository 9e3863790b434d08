package termtext_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/espalier-go/espalier/internal/termtext"
)

// dangerous holds characters that control a terminal or reorder text.
var dangerous = func() []rune {
	var all []rune
	for r := range rune(0x20) {
		if r != '\n' {
			all = append(all, r)
		}
	}
	for r := rune(0x7f); r <= 0x9f; r++ {
		all = append(all, r)
	}
	return append(all, 0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069,
		0x2028, 0x2029, 0xfeff, 0xe0041)
}()

func TestControlCharactersAreEscaped(t *testing.T) {
	for _, r := range dangerous {
		text := "a" + string(r) + "b"
		encoded, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		safe := termtext.JSON(encoded)
		for name, got := range map[string]string{
			"Text": termtext.Text(text), "Line": termtext.Line(text), "Path": termtext.Path(text), "JSON": string(safe),
		} {
			if i := strings.IndexFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s of %U is %q", name, r, got)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(safe, &back); err != nil || back[text] != text {
			t.Errorf("JSON of %U is %s, and has the value %q, %v", r, safe, back, err)
		}
	}
}

func TestTextIsReadable(t *testing.T) {
	for text, want := range map[string]string{
		"plain":             "plain",
		"naïve 日本 🙂":        "naïve 日本 🙂",
		"two\nlines":        "two\nlines",
		"\x1b[2J":           `\x1b[2J`,
		"\u009b2J":          `\u009b2J`,
		"a\u202eb":          `a\u202eb`,
		"tab\there":         "tab    here",
		"\xff\x9b":          `\xff\x9b`,
		"replaced \uFFFD":   "replaced \uFFFD",
		"cr\r\nlf":          `cr\r` + "\nlf",
		"\U000e0041 hidden": `\U000e0041 hidden`,
	} {
		if got := termtext.Text(text); got != want {
			t.Errorf("Text(%q) is %q, want %q", text, got, want)
		}
	}
	if got := termtext.Line("two\n\nlines\n"); got != "two / lines" {
		t.Errorf("Line is %q", got)
	}
}

func TestAPathCanBeTyped(t *testing.T) {
	for path, want := range map[string]string{
		"shop/a b":             "shop/a b",
		"shop/a%2Fb":           "shop/a%2Fb",
		"shop/\x1b\n":          "shop/%1B%0A",
		"shop/\u202eegnahc":    "shop/%E2%80%AEegnahc",
		"shop/\xff\u009bé\x7f": "shop/%FF%C2%9Bé%7F",
	} {
		if got := termtext.Path(path); got != want {
			t.Errorf("Path(%q) is %q, want %q", path, got, want)
		}
	}
}

func TestEscapedJSONHasTheSameValue(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\t\"a\": \"b\"\r\n}\n": "{\n\t\"a\": \"b\"\r\n}\n",
		"\"\x7f\u0085\u202e\"":     `"\u007f\u0085\u202e"`,
		"\"\U000e0041\"":           `"\udb40\udc41"`,
		"\"\x9b\"":                 `"\ufffd"`,
		"\"\uFFFD é \\u202e\"":     "\"\uFFFD é \\u202e\"",
	} {
		if got := string(termtext.JSON([]byte(in))); got != want {
			t.Errorf("JSON(%q) is %q, want %q", in, got, want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add("a\u202eb", "\x1b\u009b")
	f.Fuzz(func(t *testing.T, key, value string) {
		encoded, err := json.Marshal(map[string]string{key: value})
		if err != nil {
			t.Fatal(err)
		}
		var want, got map[string]string
		if err := json.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(termtext.JSON(encoded), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q became %q, %v", want, got, err)
		}
	})
}
