//go:build !ttrpc11

package main

import "google.golang.org/protobuf/types/known/wrapperspb"

// bytesValue carries every payload, both ways.
type bytesValue = wrapperspb.BytesValue
