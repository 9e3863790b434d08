package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// Special files of a corpus.
const (
	shortTar = "archives/short.tar" // shorter than its header says, which ends its plugin
	notZip   = "archives/zz-no.zip" // not a zip file
	broken   = "src/broken.go"      // has a syntax error
)

// corpus creates a directory with n files of each type, and the special files.
func corpus(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		text := fmt.Sprintf("# Title %d\n\nSome *text* of [a link](page-%d.html).\n", i, i)
		put(fmt.Sprintf("doc/page-%d.md", i), []byte(text))
		put(fmt.Sprintf("doc/page-%d.html", i), fmt.Appendf(nil, "<title>Page %d</title><p>one<p>two", i))
		put(fmt.Sprintf("src/p%d/file.go", i), fmt.Appendf(nil, "package p%d\n\nfunc F%d() {}\n", i, i))
		put(fmt.Sprintf("pictures/%d.png", i), made(t, func(w io.Writer) error { return png.Encode(w, blank(i+1, 100)) }))
		put(fmt.Sprintf("pictures/%d.gif", i), made(t, func(w io.Writer) error { return gif.Encode(w, blank(10, i+1), nil) }))
		put(fmt.Sprintf("pictures/%d.jpeg", i), made(t, func(w io.Writer) error { return jpeg.Encode(w, blank(i+1, i+1), nil) }))
		put(fmt.Sprintf("archives/%d.zip", i), made(t, func(w io.Writer) error { return zipOf(w, fmt.Sprint("name", i), text) }))
		put(fmt.Sprintf("archives/%d.tar", i), made(t, func(w io.Writer) error { return tarOf(w, fmt.Sprint("name", i), text) }))
		put(fmt.Sprintf("archives/%d.tar.gz", i), made(t, func(w io.Writer) error {
			packed := gzip.NewWriter(w)
			if err := tarOf(packed, "inside", text); err != nil {
				return err
			}
			return packed.Close()
		}))
	}
	put("src/notes.txt", []byte("no plugin for this kind"))
	put(broken, []byte("package p\n\nfunc F( {\n"))
	put(notZip, []byte("PK, but nothing else"))
	put(shortTar, shortTarFile(t))
	return dir
}

func made(t testing.TB, write func(w io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func blank(width, height int) image.Image {
	return image.NewPaletted(image.Rect(0, 0, width, height), palette.WebSafe)
}

func zipOf(w io.Writer, name, text string) error {
	z := zip.NewWriter(w)
	entry, err := z.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(entry, text); err != nil {
		return err
	}
	return z.Close()
}

func tarOf(w io.Writer, name, text string) error {
	t := tar.NewWriter(w)
	if err := t.WriteHeader(&tar.Header{Name: name, Size: int64(len(text)), Mode: 0o644}); err != nil {
		return err
	}
	if _, err := io.WriteString(t, text); err != nil {
		return err
	}
	return t.Close()
}

// shortTarFile returns a tar file that ends before the content of its entry.
func shortTarFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "promised", Size: 1 << 20, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// slowCorpus creates a directory that keeps a host busy until the host is stopped. One of
// its files unpacks to 48 GiB.
func slowCorpus(t testing.TB) string {
	t.Helper()
	dir := corpus(t, 3)
	part := made(t, func(w io.Writer) error {
		packed := gzip.NewWriter(w)
		if _, err := packed.Write(make([]byte, 16<<20)); err != nil {
			return err
		}
		return packed.Close()
	})
	if err := os.WriteFile(filepath.Join(dir, "bomb.gz"), bytes.Repeat(part, 3<<10), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}
