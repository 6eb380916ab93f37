// Command seed stands in for containerd's zfs snapshotter while many snapshots are made for a benchmark: it writes the
// same records, by the same code of containerd's, into the same database, and makes the same clones. Only the three
// processes that the real one starts for each, one after another, are left out. It serves on a Unix socket until SIGTERM:
//
//	seed SOCKET DATABASE DATASET WORKER LOCK-FILE
//
// WORKER is LayerFS's program that asks OpenZFS's library for many clones at once.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	api "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/contrib/snapshotservice"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"google.golang.org/grpc"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 5 {
		return fmt.Errorf("usage: seed SOCKET DATABASE DATASET WORKER LOCK-FILE")
	}
	records, err := storage.NewMetaStore(args[1])
	if err != nil {
		return err
	}
	defer records.Close()
	worker, err := startWorker(args[3], args[4])
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	api.RegisterSnapshotsServer(server, snapshotservice.FromSnapshotter(&seeder{records: records, dataset: args[2], worker: worker}))
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		server.GracefulStop()
	}()
	return server.Serve(listener)
}

// A seeder prepares, and lists what there is, which containerd's garbage collection wants. It has nothing else.
type seeder struct {
	snapshots.Snapshotter
	records *storage.MetaStore
	dataset string
	worker  *worker
}

func (s *seeder) Prepare(ctx context.Context, key, parent string, opts ...snapshots.Opt) ([]mount.Mount, error) {
	var made storage.Snapshot
	err := s.records.WithTransaction(ctx, true, func(ctx context.Context) (err error) {
		made, err = storage.CreateSnapshot(ctx, snapshots.KindActive, key, parent, opts...)
		if err == nil && len(made.ParentIDs) == 0 {
			err = fmt.Errorf("%s has no parent to clone", key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	clone := s.dataset + "/" + made.ID
	origin := s.dataset + "/" + made.ParentIDs[0] + "@snapshot"
	if err := s.worker.ask("clone", clone, origin, "string", "mountpoint", "legacy"); err != nil {
		return nil, err
	}
	return []mount.Mount{{Type: "zfs", Source: clone}}, nil
}

func (s *seeder) Stat(ctx context.Context, key string) (info snapshots.Info, err error) {
	err = s.records.WithTransaction(ctx, false, func(ctx context.Context) error {
		_, info, _, err = storage.GetInfo(ctx, key)
		return err
	})
	return info, err
}

func (s *seeder) Walk(ctx context.Context, fn snapshots.WalkFunc, filters ...string) error {
	return s.records.WithTransaction(ctx, false, func(ctx context.Context) error {
		return storage.WalkInfo(ctx, fn, filters...)
	})
}

func (s *seeder) Remove(_ context.Context, key string) error {
	return fmt.Errorf("nothing is removed while snapshots are made, and so not %s", key)
}

func (s *seeder) Close() error { return nil }
