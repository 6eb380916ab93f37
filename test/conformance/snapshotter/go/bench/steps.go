package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	parallel = 32
	layers   = 10
	// opTimeout is beyond what the slowest one takes on a busy machine without KVM.
	opTimeout = 10 * time.Minute
)

// A step is a group of operations, which it adds to what was measured.
type step func(c *contender, ctx context.Context, measured map[string][]float64) error

var groups = map[string]step{
	"layer":    (*contender).oneLayer,
	"image":    (*contender).image,
	"parallel": (*contender).many,
}

// What takes little comes more often.
var inRound = []string{"layer", "image", "layer", "parallel", "layer"}

func chooseSteps(only string) ([]step, error) {
	wanted := inRound
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	var steps []step
	for _, name := range wanted {
		if groups[name] == nil {
			return nil, fmt.Errorf("there is no group %q of operations: there are layer, image and parallel", name)
		}
	}
	for _, name := range inRound {
		if slices.Contains(wanted, name) {
			steps = append(steps, groups[name])
		}
	}
	return steps, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// timed does an operation whose failure is the bench's.
func timed(ctx context.Context, measured map[string][]float64, op string, do func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	start := time.Now()
	if err := do(ctx); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	measured[op] = append(measured[op], milliseconds(time.Since(start)))
	return nil
}

func (c *contender) oneLayer(ctx context.Context, measured map[string][]float64) error {
	ctx = in(ctx)
	active, committed, view, written := c.key(), c.key(), c.key(), c.key()
	for _, do := range []func() error{
		func() error {
			return timed(ctx, measured, "prepare+mount", func(ctx context.Context) error {
				return c.mount(c.sn.Prepare(ctx, active, c.base, kept()))
			})
		},
		c.write,
		func() error {
			return timed(ctx, measured, "unmount+commit", func(ctx context.Context) error {
				if err := c.unmount(); err != nil {
					return err
				}
				return c.sn.Commit(ctx, committed, active, kept())
			})
		},
		func() error {
			return timed(ctx, measured, "view+mount", func(ctx context.Context) error {
				return c.mount(c.sn.View(ctx, view, committed, kept()))
			})
		},
		c.unmount,
		func() error { return c.remove(ctx, view, committed) },
		// As a container's goes: it was written to. LayerFS unmounts a dataset with the remove, the others before.
		func() error { return c.mount(c.sn.Prepare(ctx, written, c.base, kept())) },
		c.write,
		func() error {
			return timed(ctx, measured, "unmount+remove", func(ctx context.Context) error {
				if err := c.unmount(); err != nil {
					return err
				}
				return c.remove(ctx, written)
			})
		},
		// Of what a remove takes, containerd's own part, which is the same for all.
		func() error {
			return timed(ctx, measured, "remove nothing", func(ctx context.Context) error { return c.remove(ctx) })
		},
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

func (c *contender) write() error {
	return os.WriteFile(filepath.Join(c.target, "new"), make([]byte, 100_000), 0o644)
}

func (c *contender) image(ctx context.Context, measured map[string][]float64) error {
	ctx = in(ctx)
	names := make([]string, layers)
	for i := range names {
		names[i] = c.key()
	}
	err := timed(ctx, measured, fmt.Sprintf("unpack %d layers", layers), func(ctx context.Context) error {
		parent := ""
		for number, name := range names {
			if err := c.layer(ctx, name, parent, number); err != nil {
				return err
			}
			parent = name
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Reverse(names)
	return timed(ctx, measured, fmt.Sprintf("remove %d layers", layers), func(ctx context.Context) error {
		return c.remove(ctx, names...)
	})
}

func (c *contender) many(ctx context.Context, measured map[string][]float64) error {
	ctx = in(ctx)
	keys := make([]string, parallel)
	for i := range keys {
		keys[i] = c.key()
	}
	var taken []time.Duration
	err := timed(ctx, measured, fmt.Sprintf("%d prepares at once", parallel), func(ctx context.Context) (err error) {
		taken, err = c.prepareAll(ctx, keys)
		return err
	})
	if err != nil {
		return err
	}
	op := fmt.Sprintf("each of the %d", parallel)
	for _, d := range taken {
		measured[op] = append(measured[op], milliseconds(d))
	}
	return timed(ctx, measured, fmt.Sprintf("remove %d", parallel), func(ctx context.Context) error {
		return c.remove(ctx, keys...)
	})
}
