// Command reference serves one of containerd's own snapshotters on a Unix socket, until SIGTERM. On it the suites prove
// themselves.
//
//	reference overlayfs|native ROOT SOCKET
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"google.golang.org/grpc"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: reference overlayfs|native ROOT SOCKET")
	}
	snapshotter, err := newSnapshotter(args[0], args[1])
	if err != nil {
		return err
	}
	defer snapshotter.Close()
	listener, err := net.Listen("unix", args[2])
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	snapshotsapi.RegisterSnapshotsServer(server, service{snapshotservice.FromSnapshotter(snapshotter)})

	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

// service keeps the code of a List's error, which containerd's makes Unknown.
type service struct{ snapshotsapi.SnapshotsServer }

func (s service) List(request *snapshotsapi.ListSnapshotsRequest, stream snapshotsapi.Snapshots_ListServer) error {
	return errgrpc.ToGRPC(s.SnapshotsServer.List(request, stream))
}

func newSnapshotter(name, root string) (snapshots.Snapshotter, error) {
	switch name {
	case "overlayfs":
		return overlay.NewSnapshotter(root)
	case "native":
		return native.NewSnapshotter(root)
	}
	return nil, fmt.Errorf("no snapshotter %q", name)
}
