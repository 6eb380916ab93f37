// Package suite runs containerd's snapshotter test suite, and ours, against the snapshotter that the environment names:
// see package subject.
package suite

import (
	"context"
	"testing"

	snapshotsapi "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/core/snapshots/testsuite"

	"suite/extra"
	"suite/subject"
)

func open(ctx context.Context, root string) (snapshots.Snapshotter, func() error, error) {
	conn, cleanup, err := subject.Open(ctx, root)
	if err != nil {
		return nil, nil, err
	}
	return proxy.NewSnapshotter(snapshotsapi.NewSnapshotsClient(conn), subject.Name()), cleanup, nil
}

func TestContainerd(t *testing.T) {
	testsuite.SnapshotterSuite(t, subject.Name(), open)
}

func TestExtra(t *testing.T) {
	extra.SnapshotterSuite(t, subject.Name(), open)
}
