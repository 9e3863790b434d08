package gen

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// A row of the table that fits nothing is named, with what is missing.
func TestTheTableOfOptionsFitsTheSpecs(t *testing.T) {
	specs := []struct {
		scope scope
		spec  any
	}{
		{onTree, sup.TreeSpec{}},
		{onChild, sup.ChildSpec[sup.Worker]{}},
		{onKeyed, sup.KeyedSpec[string, sup.Worker]{}},
		{onReplicas, sup.ReplicasSpec[sup.Worker]{}},
		{onNested, sup.ChildSpec[sup.Worker]{}},
	}
	for _, o := range optionTable {
		value := o.value
		if o.parse != nil {
			var err error
			if value, err = o.parse(o.example); err != nil {
				t.Errorf("%s: its example: %v", o.name, err)
				continue
			}
		}
		if o.form == "" && o.parse != nil || o.doc == "" {
			t.Errorf("%s: form or doc is empty: say how its value is written, and what it does", o.name)
		}
		for _, s := range specs {
			if o.on&s.scope == 0 || o.field == "" {
				continue
			}
			field := reflect.ValueOf(s.spec)
			for name := range strings.SplitSeq(o.field, ".") {
				if field = field.FieldByName(name); !field.IsValid() {
					break
				}
			}
			switch {
			case !field.IsValid():
				t.Errorf("%s is for %v, but %T has no field %s: add the field, or change on", o.name, s.scope, s.spec, o.field)
			case value != nil && !reflect.TypeOf(value).AssignableTo(field.Type()):
				t.Errorf("%s: its value is a %T, and the field %s of %T a %v: change parse or value", o.name, value, o.field, s.spec, field.Type())
			}
		}
		if value == nil || o.isPart() {
			continue
		}
		if _, err := rendered(value); err != nil {
			t.Errorf("%s: expression (vocabulary.go) has no case for its value, a %T: %v", o.name, value, err)
		}
	}
}

// rendered returns the Go text of the expression of a value.
func rendered(value any) (text string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return expression(value).GoString(), nil
}
