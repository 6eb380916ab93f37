// Command bench times what containerd does with snapshotters, side by side: each contender has a containerd of its own,
// and in each round all of them do the same, in an order that changes. It prints JSON: milliseconds by contender and
// operation.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
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
	present := flag.Int("present", 2000, "how many snapshots there are in the second phase")
	dir := flag.String("dir", "", "an empty directory to mount in")
	flag.Parse()
	if err := run(context.Background(), specs, *dir, *rounds, *present); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, specs []string, dir string, rounds, present int) error {
	var contenders []*contender
	for _, spec := range specs {
		c, err := dial(ctx, spec, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", spec, err)
		}
		contenders = append(contenders, c)
	}
	var phases []phase
	for _, count := range []int{10, present} {
		for _, c := range contenders {
			start := time.Now()
			if err := c.fill(ctx, count); err != nil {
				return fmt.Errorf("%s: filling: %w", c.name, err)
			}
			fmt.Fprintf(os.Stderr, "%s holds %d snapshots (%.0f s)\n", c.name, count, time.Since(start).Seconds())
		}
		measured, err := measure(ctx, contenders, rounds)
		if err != nil {
			return err
		}
		phases = append(phases, phase{count, measured})
	}
	return json.NewEncoder(os.Stdout).Encode(phases)
}

func measure(ctx context.Context, contenders []*contender, rounds int) (times, error) {
	measured := times{}
	for round := range rounds {
		for i := range contenders {
			c := contenders[(i+round)%len(contenders)]
			taken, err := c.round(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if measured[c.name] == nil {
				measured[c.name] = map[string][]float64{}
			}
			for op, d := range taken {
				measured[c.name][op] = append(measured[c.name][op], float64(d)/float64(time.Millisecond))
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
	}
	return measured, nil
}
