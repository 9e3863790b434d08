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

// Archive lists the entries of a gzip, zip or tar file with their types.
//
// It panics if an entry is shorter than its header says, as two archives in the Go source
// do. A real plugin may have such a fault.
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
		entry.Type = sniff(r, entry.Size)
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
			Type: sniff(archive, header.Size),
		})
	}
}

// listGzip lists the entries of a tar file in a gzip file, if the name says so, or else the
// one file in it.
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
	kind := sniff(&head, size)
	rest, err := io.Copy(io.Discard, unpacked)
	if err != nil {
		return nil, err
	}
	return &content.Listing{Format: "gzip", Entries: []*content.Entry{
		{Name: valid(unpacked.Name), Size: size + rest, Type: kind},
	}}, nil
}

// headSize is the size of the part of an entry that sniff reads.
const headSize = 512

// sniff returns the type of an entry from its first bytes. It panics if an entry with a
// size has no bytes.
func sniff(r io.Reader, size int64) string {
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
