// Command seed makes many committed snapshots of containerd's zfs snapshotter for a benchmark, while that containerd does not run: it
// writes the same records, by containerd's own code, into the same databases, and makes the same clones. Only the three
// processes that the snapshotter starts for each, one after another, are left out. What is there already it leaves alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"go.etcd.io/bbolt"
)

const atOnce = 64

func main() {
	root := flag.String("root", "", "containerd's root directory")
	dataset := flag.String("dataset", "", "the dataset of its zfs snapshotter, which is mounted")
	program := flag.String("worker", "", "LayerFS's program that asks OpenZFS's library for many clones at once")
	namespace := flag.String("namespace", "", "containerd's namespace")
	parent := flag.String("parent", "", "the committed snapshot on which all are made")
	prefix := flag.String("prefix", "", "what their names begin with; a number follows")
	count := flag.Int("count", 0, "how many there shall be, numbered from 0")
	flag.Parse()
	worker, err := startWorker(*program, filepath.Join(*root, "seed.lock"))
	if err == nil {
		ctx := namespaces.WithNamespace(context.Background(), *namespace)
		err = seed(ctx, *root, &seeder{dataset: *dataset, worker: worker}, *parent, *prefix, *count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

func seed(ctx context.Context, root string, zfs *seeder, parent, prefix string, count int) (err error) {
	zfs.records, err = storage.NewMetaStore(filepath.Join(root, "io.containerd.snapshotter.v1.zfs", "metadata.db"))
	if err != nil {
		return err
	}
	defer zfs.records.Close()
	bolt, err := bbolt.Open(filepath.Join(root, "io.containerd.metadata.v1.bolt", "meta.db"), 0o644, nil)
	if err != nil {
		return err
	}
	// They are for a benchmark, and synced once, at the end.
	bolt.NoSync = true
	// Init is left out: it would take the database to a newer version than its containerd's.
	db := metadata.NewDB(bolt, nil, map[string]snapshots.Snapshotter{"zfs": zfs})
	err = makeAll(ctx, db.Snapshotter("zfs"), parent, prefix, count)
	return errors.Join(err, bolt.Sync(), bolt.Close())
}

func makeAll(ctx context.Context, sn snapshots.Snapshotter, parent, prefix string, count int) error {
	labels := snapshots.WithLabels(map[string]string{"containerd.io/gc.root": time.Now().UTC().Format(time.RFC3339)})
	numbers := make(chan int)
	errs := make([]error, atOnce)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			for number := range numbers {
				err := layer(ctx, sn, fmt.Sprint(prefix, number), parent, labels)
				if err != nil && !errdefs.IsAlreadyExists(err) && errs[i] == nil {
					errs[i] = err
				}
			}
		})
	}
	for number := range count {
		numbers <- number
	}
	close(numbers)
	group.Wait()
	return errors.Join(errs...)
}

func layer(ctx context.Context, sn snapshots.Snapshotter, name, parent string, labels snapshots.Opt) error {
	if _, err := sn.Stat(ctx, name); err == nil {
		return nil
	}
	key := name + "-active"
	if _, err := sn.Prepare(ctx, key, parent, labels); err != nil {
		return err
	}
	return sn.Commit(ctx, name, key, labels)
}

// A seeder stands in for containerd's zfs snapshotter, as far as a layer takes it.
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

func (s *seeder) Commit(ctx context.Context, name, key string, opts ...snapshots.Opt) error {
	var id string
	err := s.records.WithTransaction(ctx, true, func(ctx context.Context) (err error) {
		if id, _, _, err = storage.GetInfo(ctx, key); err != nil {
			return err
		}
		_, err = storage.CommitActive(ctx, key, name, snapshots.Usage{}, opts...)
		return err
	})
	if err != nil {
		return err
	}
	return s.worker.ask("snapshot", s.dataset+"/"+id+"@snapshot")
}

func (s *seeder) Stat(ctx context.Context, key string) (info snapshots.Info, err error) {
	err = s.records.WithTransaction(ctx, false, func(ctx context.Context) error {
		_, info, _, err = storage.GetInfo(ctx, key)
		return err
	})
	return info, err
}
