// Package convert has the conversions of the plugins of a content host. They keep no state,
// so the result for a file is always the same.
package convert

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

// Text converts Markdown or HTML, depending on the extension, to text.
func Text(f *content.File) (*content.Text, error) {
	page := f.Content
	switch content.Extension(f.Path) {
	case ".md", ".markdown":
		var rendered bytes.Buffer
		if err := markdown.Convert(page, &rendered); err != nil {
			return nil, err
		}
		page = rendered.Bytes()
	}
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return nil, err
	}
	var b textBuilder
	for node := range root.Descendants() {
		b.add(node)
	}
	text := b.text.String()
	return &content.Text{
		Title: valid(strings.Join(strings.Fields(b.title), " ")),
		Text:  valid(text),
		Words: int32(len(strings.Fields(text))),
		Links: b.links,
	}, nil
}

// textBuilder collects the text of a page, one line for each block, with one space between
// words.
type textBuilder struct {
	text  strings.Builder
	title string
	links []string
	block *html.Node // that contains the last word
	gap   bool       // white space followed the last word
}

func (b *textBuilder) add(node *html.Node) {
	switch {
	case node.Type == html.TextNode:
		b.addText(node)
	case node.DataAtom == atom.A:
		for _, a := range node.Attr {
			if a.Key == "href" {
				b.links = append(b.links, valid(a.Val))
			}
		}
	case b.title == "" && (node.DataAtom == atom.Title || node.DataAtom == atom.H1):
		for below := range node.Descendants() {
			if below.Type == html.TextNode {
				b.title += below.Data
			}
		}
	}
}

func (b *textBuilder) addText(node *html.Node) {
	block := blockOf(node)
	if block == nil {
		return
	}
	words := strings.Fields(node.Data)
	if len(words) == 0 {
		b.gap = true
		return
	}
	first, _ := utf8.DecodeRuneInString(node.Data)
	last, _ := utf8.DecodeLastRuneInString(node.Data)
	switch {
	case b.text.Len() == 0:
	case block != b.block:
		b.text.WriteByte('\n')
	case b.gap || unicode.IsSpace(first):
		b.text.WriteByte(' ')
	}
	b.block, b.gap = block, unicode.IsSpace(last)
	b.text.WriteString(strings.Join(words, " "))
}

// blockOf returns the innermost block element that contains a node, or nil if the node is
// not part of the text.
func blockOf(node *html.Node) *html.Node {
	var block *html.Node
	for above := range node.Ancestors() {
		switch above.DataAtom {
		case atom.Script, atom.Style, atom.Head, atom.Template:
			return nil
		case atom.A, atom.B, atom.I, atom.Em, atom.Strong, atom.Code, atom.Span, atom.Tt, atom.Var, atom.Sup, atom.Sub, atom.Del, atom.Small, atom.Font, 0:
			continue // inline elements
		}
		if block == nil {
			block = above
		}
	}
	return block
}

// valid returns text that a message of protobuf accepts.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
