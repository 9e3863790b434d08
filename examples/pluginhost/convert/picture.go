package convert

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	_ "image/jpeg" // decodes JPEG
	"image/png"

	"golang.org/x/image/draw"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

const (
	// thumbnailSize is the longer side of a thumbnail, in pixels. A smaller picture is not
	// scaled.
	thumbnailSize = 64
	// maxPixels is the maximum size of a picture that is decoded.
	maxPixels = 100 << 20
)

// Picture converts a picture to a thumbnail. For an animated picture, it uses the first
// frame.
func Picture(f *content.File) (*content.Picture, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(f.Content))
	if err != nil {
		return nil, err
	}
	if int64(config.Width)*int64(config.Height) > maxPixels {
		return nil, fmt.Errorf("picture too large: %d×%d pixels", config.Width, config.Height)
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
	if err := png.Encode(&thumbnail, scaleDown(full)); err != nil {
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

// scaleDown returns a picture whose longer side is at most thumbnailSize.
func scaleDown(full image.Image) image.Image {
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
