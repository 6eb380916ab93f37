// Package extra is a test suite for snapshotters beside containerd's own, in its style: what a snapshotter must do by its
// documentation and by how containerd uses it, and what containerd's suite does not try.
package extra

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/snapshots/testsuite"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/log/logtest"
)

// SnapshotterSuite runs the tests on snapshotters that snapshotterFn makes, one for each test.
func SnapshotterSuite(t *testing.T, name string, snapshotterFn testsuite.SnapshotterFunc) {
	for _, test := range []struct {
		name string
		run  func(b *bed)
	}{
		{"UsageActive", checkUsageActive},
		{"UsageActiveUnsynced", checkUsageActiveUnsynced},
		{"UsageCommitted", checkUsageCommitted},
		{"UsageView", checkUsageView},

		{"Xattrs", checkXattrs},
		{"FileCapabilities", checkFileCapabilities},
		{"PosixACL", checkPosixACL},
		{"HardLinks", checkHardLinks},
		{"HardLinksChangedInChild", checkHardLinksChangedInChild},
		{"DeviceNodes", checkDeviceNodes},
		{"ModesAndOwners", checkModesAndOwners},
		{"Timestamps", checkTimestamps},
		{"SparseFile", checkSparseFile},
		{"FileNames", checkFileNames},
		{"RootDirectory", checkRootDirectory},
		{"MountFlags", checkMountFlags},

		{"MmapWrites", checkMmapWrites},
		{"CommitMounted", checkCommitMounted},
		{"CommitFreezes", checkCommitFreezes},
		{"ViewBesideActive", checkViewBesideActive},
		{"ReadonlyMountOfActive", checkReadonlyMountOfActive},
		{"Remount", checkRemount},
		{"DeepLayers", checkDeepLayers},

		{"ParallelChildren", checkParallelChildren},
		{"ParallelUpdates", checkParallelUpdates},
		{"ParallelSameKey", checkParallelSameKey},
		{"ParallelMounts", checkParallelMounts},
		{"RemoveMounted", checkRemoveMounted},

		{"Empty", checkEmpty},
		{"WalkFilters", checkWalkFilters},
		{"WalkBadFilter", checkWalkBadFilter},
		{"WalkLong", checkWalkLong},
		{"UpdateMasks", checkUpdateMasks},
		{"CommitReplaces", checkCommitReplaces},
		{"Names", checkNames},
		{"LongLabels", checkLongLabels},

		{"AlreadyExists", checkAlreadyExists},
		{"NotFound", checkNotFound},
		{"FailedPrecondition", checkFailedPrecondition},
		{"InvalidArgument", checkInvalidArgument},
		{"Cleanup", checkCleanup},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newBed(t, name, snapshotterFn))
		})
	}
}

func newBed(t *testing.T, name string, snapshotterFn testsuite.SnapshotterFunc) *bed {
	ctx := namespaces.WithNamespace(logtest.WithT(context.Background(), t), "extra")
	// Not t.TempDir: its paths hold the test's name and are too long for a socket's.
	dir, err := os.MkdirTemp("", "snapshot-extra-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	root, work := filepath.Join(dir, "root"), filepath.Join(dir, "work")
	for _, dir := range []string{root, work} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	snapshotter, cleanup, err := snapshotterFn(ctx, root)
	if err != nil {
		t.Fatalf("Failed to initialize snapshotter: %+v", err)
	}
	t.Cleanup(func() {
		if err := cleanup(); err != nil {
			t.Errorf("Cleanup failed: %v", err)
		}
	})
	return &bed{T: t, ctx: ctx, sn: snapshotter, work: work}
}
