package convert_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func file(path string, text string) *content.File {
	return &content.File{Path: path, Content: []byte(text)}
}

func packed(t *testing.T, write func(w io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		name string
		f    *content.File
		want *content.Text
	}{
		{"Markdown", file("a.md", "# A *short*\ntitle\n\nOne\ntwo `three`, [four](there \"tip\").\n\n- five\n- six\n"),
			&content.Text{Title: "A short", Text: "A short\ntitle\nOne two three, four.\nfive\nsix", Words: 9, Links: []string{"there"}}},
		{"HTML", file("a.HTML", "<head><title>The\n title</title><style>p{}</style></head><h1>Head</h1><p>a <b>bold</b> <a href='x'>move</a><script>no()</script>"),
			&content.Text{Title: "The title", Text: "Head\na bold move", Words: 4, Links: []string{"x"}}},
		{"what is no UTF-8", file("a.html", "<p>caf\xe9<a href='\xe9'>"), &content.Text{Text: "caf\uFFFD", Words: 1, Links: []string{"\uFFFD"}}},
		{"a table", file("a.md", "|a|b|\n|-|-|\n|c|d|\n"), &content.Text{Text: "a\nb\nc\nd", Words: 4}},
		{"nothing", file("a.md", ""), &content.Text{}},
	} {
		got, err := convert.Text(test.f)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestOutline(t *testing.T) {
	const source = `package p

import (
	"fmt"
	x "os"
)

const A, b = 1, 2

var v int

type T[P any] struct{}

func (t *T[P]) M() {}
func (T[P]) N() { type inner int }
func F() {}`
	got, err := convert.Outline(file("p.go", source))
	if err != nil {
		t.Fatal(err)
	}
	declaration := func(kind, name string, line int32) *content.Declaration {
		return &content.Declaration{Kind: kind, Name: name, Line: line}
	}
	want := &content.Outline{
		Package: "p", Imports: []string{"fmt", "os"}, Lines: 16,
		Declarations: []*content.Declaration{
			declaration("const", "A", 8), declaration("const", "b", 8), declaration("var", "v", 10), declaration("type", "T", 12),
			declaration("method", "(*T[P]).M", 14), declaration("method", "T[P].N", 15), declaration("func", "F", 16),
		},
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnOutlineOfBrokenSourceHasTheParsedDeclarations(t *testing.T) {
	for _, test := range []struct {
		source       string
		declarations int
	}{
		{"", 0},
		{"\xff\xfe", 0},
		{"package p\n\nfunc F() {}\n\nfunc G( {\n", 2},
		{"package p\n\nfunc () M() {}\n\nvar = 1\n", 2},
	} {
		got, err := convert.Outline(file("p.go", test.source))
		if err != nil || !got.Broken || len(got.Declarations) != test.declarations {
			t.Errorf("%q: %v, %v; want a broken outline with %d declarations", test.source, got, err, test.declarations)
		}
	}
}

func TestPicture(t *testing.T) {
	large := image.NewNRGBA(image.Rect(0, 0, 640, 160))
	large.Set(1, 1, color.White)
	frame := image.NewPaletted(image.Rect(0, 0, 10, 20), palette.WebSafe)
	for _, test := range []struct {
		write  func(w io.Writer) error
		want   *content.Picture
		width  int
		height int
	}{
		{func(w io.Writer) error { return png.Encode(w, large) }, &content.Picture{Format: "png", Width: 640, Height: 160, Frames: 1}, 64, 16},
		{func(w io.Writer) error { return jpeg.Encode(w, large, nil) }, &content.Picture{Format: "jpeg", Width: 640, Height: 160, Frames: 1}, 64, 16},
		{func(w io.Writer) error {
			return gif.EncodeAll(w, &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}})
		}, &content.Picture{Format: "gif", Width: 10, Height: 20, Frames: 2}, 10, 20},
		{func(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 1, 1000))) }, &content.Picture{Format: "png", Width: 1, Height: 1000, Frames: 1}, 1, 64},
	} {
		got, err := convert.Picture(file("a."+test.want.Format, packed(t, test.write)))
		if err != nil {
			t.Errorf("%v: %v", test.want, err)
			continue
		}
		if diff := cmp.Diff(test.want, got, protocmp.Transform(), protocmp.IgnoreFields(&content.Picture{}, "thumbnail")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		thumbnail, err := png.DecodeConfig(bytes.NewReader(got.Thumbnail))
		if err != nil || thumbnail.Width != test.width || thumbnail.Height != test.height {
			t.Errorf("the thumbnail of %v is %d×%d, %v; want %d×%d", test.want, thumbnail.Width, thumbnail.Height, err, test.width, test.height)
		}
	}
}

func TestATooLargePictureIsRefused(t *testing.T) {
	header := packed(t, func(w io.Writer) error { return png.Encode(w, image.NewGray(image.Rect(0, 0, 1, 1))) })
	bomb := []byte(header)
	copy(bomb[16:], "\x00\x01\x00\x00\x00\x01\x00\x00") // 65536×65536, and the checksum of the header is wrong
	if _, err := convert.Picture(&content.File{Path: "a.png", Content: bomb}); err == nil {
		t.Error("converted")
	}
	gifBomb := []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00")
	_, err := convert.Picture(&content.File{Path: "a.gif", Content: gifBomb})
	if want := "picture too large: 65535×65535 pixels"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}

func writeTar(w io.Writer, entries ...string) error {
	t := tar.NewWriter(w)
	for i, text := range entries {
		if err := t.WriteHeader(&tar.Header{Name: fmt.Sprint("name", i), Size: int64(len(text)), Mode: 0o644}); err != nil {
			return err
		}
		if _, err := io.WriteString(t, text); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeGzip(w io.Writer, name string, text string) error {
	z := gzip.NewWriter(w)
	z.Name = name
	if _, err := io.WriteString(z, text); err != nil {
		return err
	}
	return z.Close()
}

func TestArchive(t *testing.T) {
	entry := func(name string, size int64, kind string) *content.Entry {
		return &content.Entry{Name: name, Size: size, Type: kind}
	}
	inTar := packed(t, func(w io.Writer) error { return writeTar(w, "#!/bin/sh", "", "{}") })
	tarEntries := []*content.Entry{entry("name0", 9, "text/x-script"), entry("name1", 0, ""), entry("name2", 2, "application/json")}
	long := strings.Repeat("words and words ", 1000)
	for _, test := range []struct {
		f    *content.File
		want *content.Listing
	}{
		{file("a.tar", inTar), &content.Listing{Format: "tar", Entries: tarEntries}},
		{file("a.gz.d/a.TAR.gz", packed(t, func(w io.Writer) error { return writeGzip(w, "", inTar) })), &content.Listing{Format: "tar in gzip", Entries: tarEntries}},
		{file("a.tgz", packed(t, func(w io.Writer) error { return writeGzip(w, "", inTar) })), &content.Listing{Format: "tar in gzip", Entries: tarEntries}},
		{file("a.gz", packed(t, func(w io.Writer) error { return writeGzip(w, "a.txt", long) })),
			&content.Listing{Format: "gzip", Entries: []*content.Entry{entry("a.txt", int64(len(long)), "text/plain; charset=utf-8")}}},
		{file("a.zip", packed(t, func(w io.Writer) error {
			z := zip.NewWriter(w)
			for _, name := range []string{"dir/", "dir/\xff"} {
				e, err := z.Create(name)
				if err != nil {
					return err
				}
				if !strings.HasSuffix(name, "/") {
					if _, err := io.WriteString(e, "<html>"); err != nil {
						return err
					}
				}
			}
			return z.Close()
		})), &content.Listing{Format: "zip", Entries: []*content.Entry{entry("dir/", 0, ""), entry("dir/\uFFFD", 6, "text/html; charset=utf-8")}}},
	} {
		got, err := convert.Archive(test.f)
		if err != nil {
			t.Errorf("%s: %v", test.f.Path, err)
		}
		if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.f.Path, diff)
		}
	}
}

func TestAFileWithAWrongExtensionIsRefused(t *testing.T) {
	for _, test := range []struct {
		path, want string
		convert    func(f *content.File) error
	}{
		{"a.png", "image: unknown format", func(f *content.File) error { _, err := convert.Picture(f); return err }},
		{"a.zip", "zip: not a valid zip file", func(f *content.File) error { _, err := convert.Archive(f); return err }},
		{"a.gz", "gzip: invalid header", func(f *content.File) error { _, err := convert.Archive(f); return err }},
		{"a.tar", "unexpected EOF", func(f *content.File) error { _, err := convert.Archive(f); return err }},
	} {
		if err := test.convert(file(test.path, "rubbish, as it is")); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.path, err, test.want)
		}
	}
}

func TestAnArchiveThatEndsEarlyMakesItPanic(t *testing.T) {
	text := packed(t, func(w io.Writer) error { return writeTar(w, "something") })
	defer func() {
		if recover() == nil {
			t.Error("it survived: then the host has nothing to survive")
		}
	}()
	_, _ = convert.Archive(file("a.tar", text[:512]))
}
