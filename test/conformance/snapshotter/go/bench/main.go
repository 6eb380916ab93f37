// Command bench times what containerd does with snapshotters, side by side: in each round all contenders do the same, by
// turns and in an order that changes. It prints JSON: milliseconds by contender and operation.
//
// What it made it finds again when it runs another time, with more snapshots to be present.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

type contenderFlags []string

func (f *contenderFlags) String() string     { return strings.Join(*f, " ") }
func (f *contenderFlags) Set(v string) error { *f = append(*f, v); return nil }

// times are milliseconds, by contender and operation.
type times map[string]map[string][]float64

type phase struct {
	// Present is how many snapshots each contender holds meanwhile, besides those that are measured.
	Present int   `json:"present"`
	Times   times `json:"times"`
}

func main() {
	var specs contenderFlags
	flag.Var(&specs, "contender", "NAME=SOCKET,SNAPSHOTTER; repeat it for each")
	rounds := flag.Int("rounds", 5, "how often each operation is measured")
	present := flag.Int("present", 10, "how many snapshots there are meanwhile")
	dir := flag.String("dir", "", "an empty directory to mount in")
	pool := flag.String("pool", "", "a ZFS pool that contenders share")
	only := flag.String("only", "", "which groups of operations, with commas between them: layer, image, parallel")
	flag.Parse()
	if err := run(context.Background(), specs, *dir, *only, *pool, *rounds, *present); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, specs []string, dir, only, pool string, rounds, present int) error {
	steps, err := chooseSteps(only)
	if err != nil {
		return err
	}
	var contenders []*contender
	for _, spec := range specs {
		c, err := dial(ctx, spec, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", spec, err)
		}
		contenders = append(contenders, c)
	}
	for _, c := range contenders {
		if err := c.fill(ctx, present); err != nil {
			return fmt.Errorf("%s: making %d snapshots: %w", c.name, present, err)
		}
	}
	measured, err := measure(ctx, contenders, steps, pool, rounds)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(phase{present, measured})
}

func measure(ctx context.Context, contenders []*contender, steps []step, pool string, rounds int) (times, error) {
	measured := times{}
	for _, c := range contenders {
		measured[c.name] = map[string][]float64{}
	}
	start := time.Now()
	turn := 0
	for round := range rounds {
		for _, step := range steps {
			turn++
			for i := range contenders {
				c := contenders[(i+turn)%len(contenders)]
				if err := settle(ctx, pool); err != nil {
					return nil, err
				}
				if err := step(c, ctx, measured[c.name]); err != nil {
					return nil, fmt.Errorf("%s: %w", c.name, err)
				}
			}
		}
		left := time.Since(start) / time.Duration(round+1) * time.Duration(rounds-round-1)
		progress("round %d of %d; the others take about %s", round+1, rounds, left.Round(time.Second))
	}
	return measured, nil
}

// settle sees to it that a contender does not wait for what the one before it left to be written, or to be freed.
func settle(ctx context.Context, pool string) error {
	unix.Sync()
	if pool == "" {
		return nil
	}
	for _, command := range [][]string{{"sync", pool}, {"wait", "-t", "free", pool}} {
		if output, err := exec.CommandContext(ctx, "zpool", command...).CombinedOutput(); err != nil {
			return fmt.Errorf("zpool %s: %w: %s", strings.Join(command, " "), err, output)
		}
	}
	return nil
}

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
