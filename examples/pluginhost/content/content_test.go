package content_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

func TestKindOf(t *testing.T) {
	for _, test := range []struct {
		name string
		want content.Kind
		ok   bool
	}{
		{"doc/README.md", content.TextKind, true}, {"INDEX.HTM", content.TextKind, true}, {"a.b.go", content.OutlineKind, true},
		{"a.JPEG", content.PictureKind, true}, {"a.tar.gz", content.ArchiveKind, true}, {".zip", content.ArchiveKind, true},
		{"go", "", false}, {"a.txt", "", false}, {"a.md/b", "", false}, {"", "", false},
	} {
		if got, ok := content.KindOf(test.name); got != test.want || ok != test.ok {
			t.Errorf("%q is of kind %q, %v; want %q, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestServingReturnsTheResultOrTheRefusalOfItsFunction(t *testing.T) {
	none := errors.New("no picture")
	serving := content.Serving[*content.Text](func(f *content.File) (*content.Text, error) {
		if f.Path == "" {
			return nil, none
		}
		return &content.Text{Title: f.Path}, nil
	})
	got, err := serving.Convert(context.Background(), &content.File{Path: "a"})
	if err != nil || got.Title != "a" {
		t.Errorf("%v, %v; want the text, and no error", got, err)
	}
	_, err = serving.Convert(context.Background(), &content.File{})
	if text, ok := content.Answer(err); !ok || text != "no picture" {
		t.Errorf("%v is answer %q, %v; want %q", err, text, ok, none)
	}
	for _, err := range []error{nil, none, status.Error(codes.Unavailable, "gone")} {
		if text, ok := content.Answer(err); ok {
			t.Errorf("%v is an answer: %q", err, text)
		}
	}
}

// Generating the code would take minutes, but its descriptors show what it was generated
// from.
func TestTheGeneratedCodeIsUpToDate(t *testing.T) {
	source, err := os.ReadFile("content.proto")
	if err != nil {
		t.Fatal(err)
	}
	var inSource []string
	for _, match := range regexp.MustCompile(`(?m)^(?:message|service) (\w+) |^ +(?:repeated )?\w+ (\w+) = (\d+);|rpc (\w+)\((\w+)\) returns \((\w+)\)`).FindAllStringSubmatch(string(source), -1) {
		inSource = append(inSource, fmt.Sprint(match[1:]))
	}
	var inCode []string
	line := func(columns ...any) {
		row := make([]string, 6)
		for i, c := range columns {
			row[i] = fmt.Sprint(c)
		}
		inCode = append(inCode, fmt.Sprint(row))
	}
	file := content.File_content_proto
	messages, services := file.Messages(), file.Services()
	message := func(m protoreflect.MessageDescriptor) {
		line(m.Name())
		for i := range m.Fields().Len() {
			field := m.Fields().Get(i)
			line("", field.Name(), field.Number())
		}
	}
	message(messages.Get(0)) // the services come after the first message
	for i := range services.Len() {
		line(services.Get(i).Name())
		for n := range services.Get(i).Methods().Len() {
			method := services.Get(i).Methods().Get(n)
			line("", "", "", method.Name(), method.Input().Name(), method.Output().Name())
		}
	}
	for i := 1; i < messages.Len(); i++ {
		message(messages.Get(i))
	}
	if diff := cmp.Diff(inSource, inCode); diff != "" {
		t.Errorf("run make proto (-content.proto +generated):\n%s", diff)
	}
}
