// Command peer is the other end of the interoperability tests of shim/ttrpc: containerd's own ttrpc, as a server or as
// a client. It is built twice, against the ttrpc of containerd 1.6 and that of containerd 2.1.
//
//	peer serve SOCKET   serves interop.v1.Peer; closes in order on SIGTERM
//	peer call SOCKET    runs the calls it reads from stdin, a JSON object a line, all at the same time
package main

import (
	"fmt"
	"os"
)

const service = "interop.v1.Peer"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 {
		switch args[0] {
		case "serve":
			return serve(args[1])
		case "call":
			return call(args[1])
		}
	}
	return fmt.Errorf("usage: peer serve|call SOCKET")
}
