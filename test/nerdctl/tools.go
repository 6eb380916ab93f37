//go:build tools

// Package tools names the program that tests build from its module: nerdctl.
package tools

import _ "github.com/containerd/nerdctl/cmd/nerdctl"
