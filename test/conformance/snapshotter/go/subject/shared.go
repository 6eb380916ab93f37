package subject

import (
	"context"
	"fmt"
	"sync"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
)

// turn is held by the test that has the shared snapshotter. The suite's tests use the same keys and Walk over all
// there are, so each must find none but its own.
var turn sync.Mutex

// takeTurn waits for the snapshotter at LAYERFS_SOCKET.
func takeTurn(ctx context.Context, p place, _ settings) (*grpc.ClientConn, func() error, error) {
	turn.Lock()
	conn, err := dial(ctx, p.socket)
	if err != nil {
		turn.Unlock()
		return nil, nil, err
	}
	finish := func() {
		conn.Close()
		turn.Unlock()
	}
	snapshotter := proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), Name())
	// Never remove what somebody else has made.
	left, err := list(ctx, snapshotter)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the snapshotter at %s must be empty, but it has %d snapshots", p.socket, len(left))
	}
	if err != nil {
		finish()
		return nil, nil, err
	}
	return conn, func() error {
		defer finish()
		return removeAll(ctx, snapshotter)
	}, nil
}

func list(ctx context.Context, snapshotter snapshots.Snapshotter) (found []snapshots.Info, err error) {
	err = snapshotter.Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		found = append(found, info)
		return nil
	})
	// containerd's own snapshotters say so before they have ever held one.
	if errdefs.IsNotFound(err) {
		err = nil
	}
	return found, err
}

// removeAll removes what has no children, until nothing is left.
func removeAll(ctx context.Context, snapshotter snapshots.Snapshotter) error {
	for {
		left, err := list(ctx, snapshotter)
		if err != nil || len(left) == 0 {
			return err
		}
		parents := map[string]bool{}
		for _, info := range left {
			parents[info.Parent] = true
		}
		for _, info := range left {
			if parents[info.Name] {
				continue
			}
			if err := snapshotter.Remove(ctx, info.Name); err != nil {
				return err
			}
		}
	}
}
