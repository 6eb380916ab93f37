package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"math/rand"
	"sync"

	"github.com/containerd/containerd/v2/pkg/archive"
)

const (
	filesPerLayer = 200
	bytesPerLayer = 2 << 20
)

var layerTars sync.Map

func fileName(layer, file int) string {
	return fmt.Sprintf("usr/share/%d/%d/file-%d", layer, file%20, file)
}

// layerTar makes a layer, always the same for one number: files of all sizes, which hardly compress.
func layerTar(number int) []byte {
	if known, ok := layerTars.Load(number); ok {
		return known.([]byte)
	}
	random := rand.New(rand.NewSource(int64(number)))
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for i := range filesPerLayer {
		content := make([]byte, random.Intn(2*bytesPerLayer/filesPerLayer))
		random.Read(content)
		// A bytes.Buffer takes everything.
		_ = writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fileName(number, i), Mode: 0o644, Size: int64(len(content))})
		_, _ = writer.Write(content)
	}
	_ = writer.Close()
	layerTars.Store(number, buffer.Bytes())
	return buffer.Bytes()
}

func unpack(ctx context.Context, dir string, number int) error {
	_, err := archive.Apply(ctx, dir, bytes.NewReader(layerTar(number)))
	return err
}
