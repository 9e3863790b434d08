package content

import (
	"path"
	"strings"
)

// A Kind is a kind of files, and the name of the plugins that convert them and of their
// binary.
type Kind string

// Kinds of files that have plugins.
const (
	// TextKind is Markdown and HTML.
	TextKind Kind = "text"
	// OutlineKind is Go source.
	OutlineKind Kind = "outline"
	// PictureKind is PNG, JPEG and GIF.
	PictureKind Kind = "picture"
	// ArchiveKind is gzip, zip and tar.
	ArchiveKind Kind = "archive"
)

// Kinds are all kinds.
var Kinds = []Kind{TextKind, OutlineKind, PictureKind, ArchiveKind}

var kinds = map[string]Kind{
	".md": TextKind, ".markdown": TextKind, ".html": TextKind, ".htm": TextKind,
	".go":  OutlineKind,
	".png": PictureKind, ".jpg": PictureKind, ".jpeg": PictureKind, ".gif": PictureKind,
	".gz": ArchiveKind, ".tgz": ArchiveKind, ".zip": ArchiveKind, ".tar": ArchiveKind,
}

// KindOf returns the kind of a file by its name, or false if no plugin converts it.
func KindOf(name string) (Kind, bool) {
	kind, ok := kinds[Extension(name)]
	return kind, ok
}

// Extension returns the extension of a name in lower case, with the dot.
func Extension(name string) string { return strings.ToLower(path.Ext(name)) }
