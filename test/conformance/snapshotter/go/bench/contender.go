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
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	namespace = "bench"
	// parallel is how many Prepares go at once.
	parallel = 32
	layers   = 10
	root     = "containerd.io/gc.root"
)

// A contender is a snapshotter as users reach it: through containerd, with its database and its garbage collection.
type contender struct {
	name   string
	sn     snapshots.Snapshotter
	leases leases.Manager
	target string
	base   string
	filled int
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
	target := filepath.Join(dir, name)
	if err := os.MkdirAll(target, 0o700); err != nil {
		return nil, err
	}
	c := &contender{
		name:   name,
		sn:     proxy.NewSnapshotter(api.NewSnapshotsClient(conn), snapshotter),
		leases: leasesproxy.NewLeaseManager(leasesapi.NewLeasesClient(conn)),
		target: target,
	}
	c.base, err = c.layer(in(ctx), "", 0)
	return c, err
}

// Names are sent along with each call.
func in(ctx context.Context) context.Context { return namespaces.WithNamespace(ctx, namespace) }

// kept keeps a snapshot from the garbage collection.
func kept() snapshots.Opt {
	return snapshots.WithLabels(map[string]string{root: time.Now().UTC().Format(time.RFC3339)})
}

func (c *contender) key() string {
	c.keys++
	return fmt.Sprintf("%s-%d", c.name, c.keys)
}

func (c *contender) mounted(mounts []mount.Mount, use func(dir string) error) error {
	if err := c.mount(mounts, nil); err != nil {
		return err
	}
	return errors.Join(use(c.target), c.unmount())
}

// layer unpacks one layer as containerd does, and returns its name.
func (c *contender) layer(ctx context.Context, parent string, number int) (string, error) {
	key := c.key()
	mounts, err := c.sn.Prepare(ctx, key, parent, kept())
	if err != nil {
		return "", err
	}
	if err := c.mounted(mounts, func(dir string) error { return unpack(ctx, dir, number) }); err != nil {
		return "", err
	}
	name := c.key()
	return name, c.sn.Commit(ctx, name, key, kept())
}

// fill prepares snapshots until there are so many.
func (c *contender) fill(ctx context.Context, count int) error {
	for c.filled < count {
		some := min(parallel, count-c.filled)
		if _, err := c.prepareMany(in(ctx), some); err != nil {
			return err
		}
		c.filled += some
	}
	return nil
}

func (c *contender) prepareMany(ctx context.Context, count int) ([]string, error) {
	keys := make([]string, count)
	errs := make([]error, count)
	var group sync.WaitGroup
	for i := range keys {
		keys[i] = c.key()
		group.Go(func() { _, errs[i] = c.sn.Prepare(ctx, keys[i], c.base, kept()) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// remove takes snapshots out of containerd's database and has it collect garbage: that is when they go.
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

// round does every operation once.
func (c *contender) round(ctx context.Context) (map[string]time.Duration, error) {
	ctx = in(ctx)
	taken := map[string]time.Duration{}
	timed := func(op string, do func() error) error {
		start := time.Now()
		err := do()
		taken[op] = time.Since(start)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		return nil
	}
	for _, step := range []func(context.Context, timer) error{c.oneLayer, c.image, c.many} {
		if err := step(ctx, timed); err != nil {
			return nil, err
		}
	}
	return taken, nil
}

type timer func(op string, do func() error) error

func (c *contender) oneLayer(ctx context.Context, timed timer) error {
	active, committed, view, written := c.key(), c.key(), c.key(), c.key()
	steps := []func() error{
		func() error {
			return timed("prepare+mount", func() error { return c.mount(c.sn.Prepare(ctx, active, c.base, kept())) })
		},
		c.write,
		func() error {
			return timed("unmount+commit", func() error {
				if err := c.unmount(); err != nil {
					return err
				}
				return c.sn.Commit(ctx, committed, active, kept())
			})
		},
		func() error {
			return timed("view+mount", func() error { return c.mount(c.sn.View(ctx, view, committed, kept())) })
		},
		c.unmount,
		func() error { return c.remove(ctx, view, committed) },
		// As a container's goes: it was written to.
		func() error { return c.mount(c.sn.Prepare(ctx, written, c.base, kept())) },
		c.write,
		c.unmount,
		func() error { return timed("remove", func() error { return c.remove(ctx, written) }) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *contender) mount(mounts []mount.Mount, err error) error {
	if err != nil {
		return err
	}
	return mount.All(mounts, c.target)
}

func (c *contender) unmount() error { return mount.UnmountAll(c.target, 0) }

func (c *contender) write() error {
	return os.WriteFile(filepath.Join(c.target, "new"), make([]byte, 100_000), 0o644)
}

func (c *contender) image(ctx context.Context, timed timer) error {
	var names []string
	err := timed(fmt.Sprintf("unpack %d layers", layers), func() error {
		parent := ""
		for number := range layers {
			name, err := c.layer(ctx, parent, number)
			if err != nil {
				return err
			}
			names = append([]string{name}, names...)
			parent = name
		}
		return nil
	})
	if err != nil {
		return err
	}
	return timed(fmt.Sprintf("remove %d layers", layers), func() error { return c.remove(ctx, names...) })
}

func (c *contender) many(ctx context.Context, timed timer) error {
	var keys []string
	err := timed(fmt.Sprintf("%d prepares at once", parallel), func() (err error) {
		keys, err = c.prepareMany(ctx, parallel)
		return err
	})
	if err != nil {
		return err
	}
	return timed(fmt.Sprintf("remove %d", parallel), func() error { return c.remove(ctx, keys...) })
}
