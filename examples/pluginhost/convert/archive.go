package convert

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

// Archive lists what is in a gzip, zip or tar file, and tells what each entry
// looks like.
//
// It is a fragile one, as plugins are: it takes a header's word for how large an
// entry is (see looks). The Go source has two archives that lie about that.
func Archive(f *content.File) (*content.Listing, error) {
	switch content.Extension(f.Path) {
	case ".zip":
		return listZip(f.Content)
	case ".tar":
		entries, err := listTar(bytes.NewReader(f.Content))
		return &content.Listing{Format: "tar", Entries: entries}, err
	}
	return listGzip(f)
}

func listZip(packed []byte) (*content.Listing, error) {
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	listing := &content.Listing{Format: "zip"}
	for _, f := range archive.File {
		entry := &content.Entry{Name: valid(f.Name), Size: int64(f.UncompressedSize64)}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		entry.Type = looks(r, entry.Size)
		r.Close()
		listing.Entries = append(listing.Entries, entry)
	}
	return listing, nil
}

func listTar(r io.Reader) (entries []*content.Entry, err error) {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return entries, nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return nil, err
		}
		entries = append(entries, &content.Entry{
			Name: valid(header.Name),
			Size: header.Size,
			Type: looks(archive, header.Size),
		})
	}
}

// listGzip lists what is in a gzip file: a tar file, if its name says so, or
// else the one file that was packed.
func listGzip(f *content.File) (*content.Listing, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(strings.ToLower(f.Path), ".gz")
	if strings.HasSuffix(name, ".tgz") || strings.HasSuffix(name, ".tar") {
		entries, err := listTar(unpacked)
		return &content.Listing{Format: "tar in gzip", Entries: entries}, err
	}
	var head bytes.Buffer
	size, err := io.Copy(&head, io.LimitReader(unpacked, headSize))
	if err != nil {
		return nil, err
	}
	kind := looks(&head, size)
	rest, err := io.Copy(io.Discard, unpacked)
	if err != nil {
		return nil, err
	}
	return &content.Listing{Format: "gzip", Entries: []*content.Entry{
		{Name: valid(unpacked.Name), Size: size + rest, Type: kind},
	}}, nil
}

// headSize is how much of an entry is looked at.
const headSize = 512

// looks tells what an entry of a size looks like, by its first bytes. If it has
// a size but no bytes, that is the end of the plugin.
func looks(r io.Reader, size int64) string {
	if size == 0 {
		return ""
	}
	head := make([]byte, headSize)
	n, _ := io.ReadFull(r, head)
	head = head[:n]
	switch head[0] {
	case '{', '[':
		return "application/json"
	case '#':
		return "text/x-script"
	}
	return http.DetectContentType(head)
}
