package main

import (
	"fmt"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/examples/pluginhost/convert"
)

func textResult(t *content.Text) *content.Result {
	return &content.Result{Content: &content.Result_Text{Text: t}}
}

func outlineResult(o *content.Outline) *content.Result {
	return &content.Result{Content: &content.Result_Outline{Outline: o}}
}

func pictureResult(p *content.Picture) *content.Result {
	return &content.Result{Content: &content.Result_Picture{Picture: p}}
}

func archiveResult(l *content.Listing) *content.Result {
	return &content.Result{Content: &content.Result_Listing{Listing: l}}
}

func refusal(reason string, deadly bool) *content.Result {
	return &content.Result{Content: &content.Result_Refusal{Refusal: &content.Refusal{Reason: reason, Deadly: deadly}}}
}

// convertDirectly converts a file without a plugin. A panic, which would end a plugin,
// is a deadly refusal.
func convertDirectly(kind content.Kind, f *content.File) (result *content.Result) {
	defer func() {
		if value := recover(); value != nil {
			result = refusal(fmt.Sprint("panic: ", value), true)
		}
	}()
	switch kind {
	case content.TextKind:
		return resultOf(convert.Text, f, textResult)
	case content.OutlineKind:
		return resultOf(convert.Outline, f, outlineResult)
	case content.PictureKind:
		return resultOf(convert.Picture, f, pictureResult)
	case content.ArchiveKind:
		return resultOf(convert.Archive, f, archiveResult)
	}
	return refusal(fmt.Sprintf("no plugin for the kind %q", kind), false)
}

func resultOf[R any](convert func(*content.File) (R, error), f *content.File, result func(R) *content.Result) *content.Result {
	r, err := convert(f)
	if err != nil {
		return refusal(err.Error(), false)
	}
	return result(r)
}
