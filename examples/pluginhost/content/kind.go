package content

import (
	"path"
	"strings"
)

// Kind is what sort of a file one is, and so which plugins convert it. Its
// value is the name of those, and of their binary.
type Kind string

// The kinds of files for which there are plugins.
const (
	TextKind    Kind = "text"    // Markdown and HTML
	OutlineKind Kind = "outline" // Go source
	PictureKind Kind = "picture" // PNG, JPEG and GIF
	ArchiveKind Kind = "archive" // gzip, zip and tar
)

// Kinds are all of them.
var Kinds = []Kind{TextKind, OutlineKind, PictureKind, ArchiveKind}

var kinds = map[string]Kind{
	".md": TextKind, ".markdown": TextKind, ".html": TextKind, ".htm": TextKind,
	".go":  OutlineKind,
	".png": PictureKind, ".jpg": PictureKind, ".jpeg": PictureKind, ".gif": PictureKind,
	".gz": ArchiveKind, ".tgz": ArchiveKind, ".zip": ArchiveKind, ".tar": ArchiveKind,
}

// KindOf returns the kind of a file by its name, or false if there are no
// plugins for it.
func KindOf(name string) (Kind, bool) {
	kind, ok := kinds[Extension(name)]
	return kind, ok
}

// Extension returns the extension of a name in lower case, with its dot.
func Extension(name string) string { return strings.ToLower(path.Ext(name)) }
