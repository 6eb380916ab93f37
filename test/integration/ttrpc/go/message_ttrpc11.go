//go:build ttrpc11

package main

import "github.com/gogo/protobuf/types"

// bytesValue carries every payload, both ways. ttrpc 1.1 takes messages of gogo's protobuf alone.
type bytesValue = types.BytesValue
