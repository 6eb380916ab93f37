package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	leasesapi "github.com/containerd/containerd/api/services/leases/v1"
	api "github.com/containerd/containerd/api/services/snapshots/v1"
	"github.com/containerd/containerd/v2/core/leases"
	leasesproxy "github.com/containerd/containerd/v2/core/leases/proxy"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/proxy"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	namespace = "bench"
	root      = "containerd.io/gc.root"
	// seedsAtOnce is how many of the snapshots that are only present are made at once.
	seedsAtOnce = 64
	tellEvery   = 15 * time.Second
)

// A contender is a snapshotter as users reach it: through containerd, with its database and its garbage collection.
type contender struct {
	name   string
	sn     snapshots.Snapshotter
	leases leases.Manager
	target string
	base   string
	run    string
	keys   int
}

func dial(ctx context.Context, spec, dir string) (*contender, error) {
	name, rest, _ := strings.Cut(spec, "=")
	socket, snapshotter, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, fmt.Errorf("a contender is NAME=SOCKET,SNAPSHOTTER")
	}
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	c := &contender{
		name:   name,
		sn:     proxy.NewSnapshotter(api.NewSnapshotsClient(conn), snapshotter),
		leases: leasesproxy.NewLeaseManager(leasesapi.NewLeasesClient(conn)),
		target: filepath.Join(dir, name),
		base:   name + "-base",
		run:    fmt.Sprint(time.Now().UnixNano()),
	}
	if err := os.MkdirAll(c.target, 0o700); err != nil {
		return nil, err
	}
	ctx = in(ctx)
	if _, err := c.sn.Stat(ctx, c.base); !errdefs.IsNotFound(err) {
		return c, err
	}
	return c, c.layer(ctx, c.base, "", 0)
}

// Names are sent along with each call.
func in(ctx context.Context) context.Context { return namespaces.WithNamespace(ctx, namespace) }

// kept keeps a snapshot from the garbage collection.
func kept() snapshots.Opt {
	return snapshots.WithLabels(map[string]string{root: time.Now().UTC().Format(time.RFC3339)})
}

func (c *contender) key() string {
	c.keys++
	return fmt.Sprintf("%s-%s-%d", c.name, c.run, c.keys)
}

// layer unpacks one layer as containerd does.
func (c *contender) layer(ctx context.Context, name, parent string, number int) error {
	key := c.key()
	if err := c.mount(c.sn.Prepare(ctx, key, parent, kept())); err != nil {
		return err
	}
	if err := errors.Join(unpack(ctx, c.target, number), c.unmount()); err != nil {
		return err
	}
	return c.sn.Commit(ctx, name, key, kept())
}

func (c *contender) mount(mounts []mount.Mount, err error) error {
	if err != nil {
		return err
	}
	return mount.All(mounts, c.target)
}

func (c *contender) unmount() error { return mount.UnmountAll(c.target, 0) }

func (c *contender) seed(number int) string { return fmt.Sprintf("%s-seed-%d", c.name, number) }

// fill commits layers until there are so many, and sees to it that they are what they should be. Most of what a host has
// are layers of images; active snapshots would also all be mounted by a snapshotter that mounts them itself.
func (c *contender) fill(ctx context.Context, count int) error {
	ctx = in(ctx)
	start, told := time.Now(), time.Now()
	filled, err := c.filled(ctx)
	if err != nil {
		return err
	}
	first := filled
	for filled < count {
		numbers := min(seedsAtOnce, count-filled)
		if err := c.commitSeeds(ctx, filled, numbers); err != nil {
			return err
		}
		filled += numbers
		if time.Since(told) > tellEvery {
			left := time.Since(start) / time.Duration(filled-first) * time.Duration(count-filled)
			progress("%s: %d of %d snapshots; the others take about %s", c.name, filled, count, left.Round(time.Second))
			told = time.Now()
		}
	}
	progress("%s holds %d snapshots (%s)", c.name, filled, time.Since(start).Round(time.Second))
	return c.checkSeed(ctx, filled-1)
}

func (c *contender) commitSeeds(ctx context.Context, first, count int) error {
	keys := make([]string, count)
	for i := range keys {
		keys[i] = c.key()
	}
	if _, err := c.prepareAll(ctx, keys); err != nil {
		return err
	}
	errs := make([]error, count)
	var group sync.WaitGroup
	for i, key := range keys {
		group.Go(func() { errs[i] = c.sn.Commit(ctx, c.seed(first+i), key, kept()) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func (c *contender) filled(ctx context.Context) (count int, err error) {
	err = c.sn.Walk(ctx, func(_ context.Context, info snapshots.Info) error {
		if strings.HasPrefix(info.Name, c.name+"-seed-") {
			count++
		}
		return nil
	})
	return count, err
}

func (c *contender) checkSeed(ctx context.Context, number int) error {
	view := c.key()
	if err := c.mount(c.sn.View(ctx, view, c.seed(number), kept())); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(c.target, fileName(0, filesPerLayer-1)))
	return errors.Join(err, c.unmount(), c.remove(ctx, view))
}

// prepareAll prepares all at once, and tells how long each took.
func (c *contender) prepareAll(ctx context.Context, keys []string) ([]time.Duration, error) {
	taken := make([]time.Duration, len(keys))
	errs := make([]error, len(keys))
	var group sync.WaitGroup
	for i, key := range keys {
		group.Go(func() {
			start := time.Now()
			_, errs[i] = c.sn.Prepare(ctx, key, c.base, kept())
			taken[i] = time.Since(start)
		})
	}
	group.Wait()
	return taken, errors.Join(errs...)
}

// remove takes snapshots out of containerd's database and has it collect garbage: that is when they go. A lease that is
// deleted synchronously is answered when every snapshotter has removed and cleaned up.
func (c *contender) remove(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := c.sn.Remove(ctx, name); err != nil {
			return err
		}
	}
	lease, err := c.leases.Create(ctx, leases.WithRandomID())
	if err != nil {
		return err
	}
	return c.leases.Delete(ctx, lease, leases.SynchronousDelete)
}
