package convert

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	_ "image/jpeg" // so that it can be decoded, like the others
	"image/png"

	"golang.org/x/image/draw"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

const (
	// thumbnailSize is the longer side of a thumbnail, in pixels. What is
	// smaller stays as it is.
	thumbnailSize = 64
	// mostPixels is what is decoded of what a file may claim to have.
	mostPixels = 100 << 20
)

// Picture makes a thumbnail of a picture, of an animated one of its first
// frame.
func Picture(f *content.File) (*content.Picture, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	if int64(config.Width)*int64(config.Height) > mostPixels {
		return nil, fmt.Errorf("a picture of %d×%d pixels is too large", config.Width, config.Height)
	}
	full, _, err := image.Decode(bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	frames := 1
	if format == "gif" {
		all, err := gif.DecodeAll(bytes.NewReader(f.Content))
		if err != nil {
			return nil, err
		}
		frames = len(all.Image)
	}
	var thumbnail bytes.Buffer
	if err := png.Encode(&thumbnail, shrunk(full)); err != nil {
		return nil, err
	}
	return &content.Picture{
		Format:    format,
		Width:     int32(config.Width),
		Height:    int32(config.Height),
		Frames:    int32(frames),
		Thumbnail: thumbnail.Bytes(),
	}, nil
}

// shrunk returns a picture with its longer side at most thumbnailSize.
func shrunk(full image.Image) image.Image {
	size := full.Bounds().Size()
	longer := max(size.X, size.Y)
	if longer <= thumbnailSize {
		return full
	}
	scale := func(side int) int { return max(1, side*thumbnailSize/longer) }
	small := image.NewNRGBA(image.Rect(0, 0, scale(size.X), scale(size.Y)))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), full, full.Bounds(), draw.Src, nil)
	return small
}
