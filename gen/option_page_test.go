package gen_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/gen"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

const (
	optionPage  = "../docs/options.md"
	optionTable = "| option | where | meaning | default |\n|---|---|---|---|\n"
)

// The page of options has one row for each row of the table, in its order.
func TestThePageOfOptionsHasTheTable(t *testing.T) {
	page, err := os.ReadFile(optionPage)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString(optionTable)
	for _, o := range gen.Options() {
		meaning, value := splitDefault(o.Doc)
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", o.Text, placesOf(o), meaning, value)
	}
	before, rest, found := strings.Cut(string(page), optionTable)
	_, after, ends := strings.Cut(rest, "|\n\n")
	if !found || !ends {
		t.Fatalf("%s has no table that begins with %q", optionPage, optionTable)
	}
	want := before + table.String() + "\n" + after
	if *update {
		if err := os.WriteFile(optionPage, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("%s is not up to date; -update writes it. The table should be\n%s", optionPage, &table)
	}
}

// placesOf names the fields that may have an option. A star stands for sup.Tree, as the
// default of its children.
func placesOf(o gen.Option) string {
	children := []string{"sup.Child", "sup.Keyed", "sup.Replicas"}
	places := strings.Join(o.On, ", ")
	places = strings.Replace(places, strings.Join(append(children, "nested trees"), ", "), "any child", 1)
	places = strings.Replace(places, strings.Join(children, ", "), "any child but a tree", 1)
	if o.Default {
		places += " *"
	}
	return places
}

// splitDefault splits the description of an option.
func splitDefault(doc string) (meaning, value string) {
	meaning, value, _ = strings.Cut(doc, "; default ")
	if before, is := strings.CutSuffix(meaning, "; this is the default"); is {
		meaning, value = before, "yes"
	}
	return meaning, value
}

// Every option has a default, except the words that are values of another one.
func TestTheDefaultsOfTheTableAreThoseOfSup(t *testing.T) {
	defaults := make(map[string]string)
	for _, o := range gen.Options() {
		_, value := splitDefault(o.Doc)
		if value == "" && strings.Contains(o.Text, "=") {
			t.Errorf("the description of %s has no \"; default …\"", o.Name)
		}
		defaults[o.Name] = value
	}
	backoff := backoffWithDefaults(t)
	for name, want := range map[string]string{
		sup.OneForOne.String(): "yes",
		sup.Permanent.String(): "yes",
		"intensity":            sup.DefaultIntensity.String(),
		"auto_shutdown":        sup.AutoShutdownNever.String(),
		"shutdown":             fmt.Sprint(sup.DefaultShutdown, ", and infinity for a tree"),
		"factor":               fmt.Sprint(backoff.Factor),
		"jitter":               fmt.Sprint(backoff.Jitter),
		"reset":                map[bool]string{true: "the longest wait"}[backoff.ResetAfter == backoff.Max],
		"stuck":                sup.StuckWait.String(),
		"cap":                  fmt.Sprint(mailbox.DefaultCapacity),
	} {
		if defaults[name] != want {
			t.Errorf("the default of %s is described as %q, want %q", name, defaults[name], want)
		}
	}
	if backoff.Max != time.Minute {
		t.Errorf("the longest wait is %v by default, and the table says a minute", backoff.Max)
	}
}

// backoffWithDefaults returns a backoff with its defaults filled in.
func backoffWithDefaults(t *testing.T) (b sup.Backoff) {
	suptest.Run(t, func(t *testing.T) {
		s := suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{
			ID: "child", Backoff: sup.Backoff{Min: time.Second},
			Start: func(context.Context) (*suptest.Worker, error) { return new(suptest.Worker), nil },
		}}})
		b = s.Children()[0].Policy.Backoff
	})
	return b
}
