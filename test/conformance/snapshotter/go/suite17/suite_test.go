// Package suite17 runs the snapshotter test suite of containerd 1.7, with its client and its way to mount, against the
// snapshotter that the environment names: see package subject.
package suite17

import (
	"context"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/snapshots"
	"github.com/containerd/containerd/snapshots/proxy"
	"github.com/containerd/containerd/snapshots/testsuite"

	"suite/subject"
)

func open(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
	conn, cleanup, err := subject.Open(ctx, root)
	if err != nil {
		return nil, nil, err
	}
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), subject.Name()), cleanup, nil
}

func TestContainerd17(t *testing.T) {
	testsuite.SnapshotterSuite(t, subject.Name(), open)
}
