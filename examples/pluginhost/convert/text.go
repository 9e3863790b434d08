// Package convert makes what the plugins of a content host make of files. Its
// functions keep nothing between two files, and make the same of the same file
// each time.
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

// Text makes text of Markdown or HTML, whichever the file's name says.
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
	var p prose
	for node := range root.Descendants() {
		p.see(node)
	}
	text := p.text.String()
	return &content.Text{
		Title: valid(strings.Join(strings.Fields(p.title), " ")),
		Text:  valid(text),
		Words: int32(len(strings.Fields(text))),
		Links: p.links,
	}, nil
}

// prose is what is to be read of a page: a line for each block, the words of
// it with one space in between.
type prose struct {
	text  strings.Builder
	title string
	links []string
	block *html.Node // that the last word was in
	gap   bool       // there was space after it
}

func (p *prose) see(node *html.Node) {
	switch {
	case node.Type == html.TextNode:
		p.read(node)
	case node.DataAtom == atom.A:
		for _, a := range node.Attr {
			if a.Key == "href" {
				p.links = append(p.links, valid(a.Val))
			}
		}
	case p.title == "" && (node.DataAtom == atom.Title || node.DataAtom == atom.H1):
		for below := range node.Descendants() {
			if below.Type == html.TextNode {
				p.title += below.Data
			}
		}
	}
}

func (p *prose) read(node *html.Node) {
	block := blockOf(node)
	if block == nil {
		return
	}
	words := strings.Fields(node.Data)
	if len(words) == 0 {
		p.gap = true
		return
	}
	first, _ := utf8.DecodeRuneInString(node.Data)
	last, _ := utf8.DecodeLastRuneInString(node.Data)
	switch {
	case p.text.Len() == 0:
	case block != p.block:
		p.text.WriteByte('\n')
	case p.gap || unicode.IsSpace(first):
		p.text.WriteByte(' ')
	}
	p.block, p.gap = block, unicode.IsSpace(last)
	p.text.WriteString(strings.Join(words, " "))
}

// blockOf returns the element that stands on lines of its own and holds a
// node, or nil if the node is not to be read.
func blockOf(node *html.Node) *html.Node {
	var block *html.Node
	for above := range node.Ancestors() {
		switch above.DataAtom {
		case atom.Script, atom.Style, atom.Head, atom.Template:
			return nil
		case atom.A, atom.B, atom.I, atom.Em, atom.Strong, atom.Code, atom.Span, atom.Tt, atom.Var, atom.Sup, atom.Sub, atom.Del, atom.Small, atom.Font, 0:
			continue // within a line
		}
		if block == nil {
			block = above
		}
	}
	return block
}

// valid is text that may stand in a message.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
