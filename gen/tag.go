package gen

import "strings"

// tag is the value of the key sup in the tag of a field, with the faults of the tag.
type tag struct {
	present bool // the tag has the key
	skip    bool // the value is "-"
	list    []setting
	faults  []tagFault
	near    []nearKey // keys that may be misspelt
	at      int       // offset of the tag in the file
}

// setting is one option in the source.
type setting struct {
	name  text
	value text
	has   bool // there is an equal sign
}

// tagFault is a fault at an offset of a file.
type tagFault struct {
	at            int
	message, hint string
}

// parseTag parses the tag at an offset of a file.
func parseTag(src []byte, offset int) tag {
	t := tag{at: offset}
	whole, ok := literal(src, offset)
	if !ok {
		t.fault(offset, "", "the tag is not a string")
		return t
	}
	value := t.lookup(whole)
	if !t.present {
		return t
	}
	if strings.TrimSpace(value.s) == "-" {
		t.skip = true
		return t
	}
	if value.trim().s == "" {
		return t
	}
	for rest, more := value, true; more; {
		var piece text
		piece, rest, more = rest.cut(',')
		piece = piece.trim()
		if piece.s == "" {
			t.fault(piece.at[0], "remove the comma", "empty option")
			continue
		}
		s := setting{}
		s.name, s.value, s.has = piece.cut('=')
		s.name = s.name.trim()
		if s.has {
			s.value = s.value.trim()
		}
		t.list = append(t.list, s)
	}
	return t
}

func (t *tag) fault(at int, hint, message string) {
	t.faults = append(t.faults, tagFault{at, message, hint})
}

const tagHint = "write `sup:\"...\"`, and a space before another key"

// lookup returns the value of the key sup, by the rules of reflect.StructTag. It reads
// the whole tag, to find a duplicate key.
func (t *tag) lookup(whole text) (value text) {
	for {
		for whole.s != "" && whole.s[0] == ' ' {
			whole = whole.slice(1, len(whole.s))
		}
		if whole.s == "" {
			return value
		}
		i := 0
		for i < len(whole.s) && whole.s[i] > ' ' && whole.s[i] != ':' && whole.s[i] != '"' && whole.s[i] != 0x7f {
			i++
		}
		if i == 0 || i+1 >= len(whole.s) || whole.s[i] != ':' || whole.s[i+1] != '"' {
			t.fault(whole.at[min(i, len(whole.s))], tagHint, "the tag is not a list of key:\"value\" pairs")
			return value
		}
		key := whole.slice(0, i)
		whole = whole.slice(i+1, len(whole.s))
		end := 1
		for end < len(whole.s) && whole.s[end] != '"' {
			if whole.s[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(whole.s) {
			t.fault(whole.at[0], "close the quotes", "unterminated value")
			return value
		}
		quoted := whole.slice(0, end+1)
		whole = whole.slice(end+1, len(whole.s))
		if key.s != "sup" {
			if isNearSup(key.s) {
				value, _ := quoted.unquote()
				t.near = append(t.near, nearKey{key.s, value.s, key.at[0]})
			}
			continue
		}
		if t.present {
			t.fault(key.at[0], "put all options into one", "duplicate key sup")
			continue
		}
		t.present = true
		var ok bool
		if value, ok = quoted.unquote(); !ok {
			t.fault(quoted.at[0], "", "the value of the key sup is not a string")
			value = text{at: []int{quoted.at[0]}}
		}
	}
}
