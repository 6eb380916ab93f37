package extra

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
)

func (b *bed) stat(key string) snapshots.Info {
	b.Helper()
	info, err := b.sn.Stat(b.ctx, key)
	b.must(err)
	return info
}

func (b *bed) wantLabels(info snapshots.Info, want map[string]string) {
	b.Helper()
	if !maps.Equal(info.Labels, want) {
		b.Errorf("%q has labels %.200q, expected %.200q", info.Name, info.Labels, want)
	}
}

// wantBetween compares nanoseconds: a snapshotter whose clock counts milliseconds seems to have worked too early.
func (b *bed) wantBetween(what string, got, from, to time.Time) {
	b.Helper()
	if got.Before(from) || got.After(to) {
		b.Errorf("%s is %s, expected %s to %s", what,
			got.Format(time.RFC3339Nano), from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
	}
}

func checkUpdateMasks(b *bed) {
	_, err := b.sn.Prepare(b.ctx, "active", "", snapshots.WithLabels(map[string]string{"a": "1", "b": "1"}))
	b.must(err)
	created := b.stat("active")

	for _, step := range []struct {
		labels map[string]string
		mask   []string
		want   map[string]string
	}{
		{map[string]string{"a": "2", "b": "ignored"}, []string{"labels.a"}, map[string]string{"a": "2", "b": "1"}},
		{map[string]string{"c": "3"}, []string{"labels.c"}, map[string]string{"a": "2", "b": "1", "c": "3"}},
		{map[string]string{"x.example/d.e": "4"}, []string{"labels.x.example/d.e"},
			map[string]string{"a": "2", "b": "1", "c": "3", "x.example/d.e": "4"}},
		// Empty or not there: to be removed.
		{map[string]string{"a": ""}, []string{"labels.a", "labels.c", "labels.never-was"},
			map[string]string{"b": "1", "x.example/d.e": "4"}},
		{map[string]string{"f": "5"}, []string{"labels"}, map[string]string{"f": "5"}},
		{map[string]string{"g": "6"}, nil, map[string]string{"g": "6"}},
		{nil, []string{"labels"}, nil},
		{map[string]string{"h": "7"}, []string{"labels.h"}, map[string]string{"h": "7"}},
		{nil, nil, nil},
	} {
		from := time.Now()
		// What no mask names is ignored, even if it cannot be changed.
		updated, err := b.sn.Update(b.ctx, snapshots.Info{
			Name: "active", Parent: "ignored", Kind: snapshots.KindCommitted, Labels: step.labels,
		}, step.mask...)
		to := time.Now()
		b.must(err)
		b.wantLabels(updated, step.want)
		b.wantBetween("Updated", updated.Updated, from, to)
		if !updated.Created.Equal(created.Created) || updated.Kind != snapshots.KindActive || updated.Parent != "" {
			b.Errorf("Update changed more than labels: %+v", updated)
		}
		if stat := b.stat("active"); !reflect.DeepEqual(stat, updated) {
			b.Errorf("Stat says %+v, Update said %+v", stat, updated)
		}
	}
}

// checkCommitReplaces proves that a commit leaves nothing of the active snapshot's labels and times.
func checkCommitReplaces(b *bed) {
	_, err := b.sn.Prepare(b.ctx, "active", "", snapshots.WithLabels(map[string]string{"old": "1"}))
	b.must(err)
	from := time.Now()
	b.must(b.sn.Commit(b.ctx, "layer", "active", snapshots.WithLabels(map[string]string{"new": "2"})))
	to := time.Now()
	info := b.stat("layer")
	b.wantLabels(info, map[string]string{"new": "2"})
	b.wantBetween("Created", info.Created, from, to)
	if !info.Updated.Equal(info.Created) {
		b.Errorf("Updated %s, Created %s", info.Updated, info.Created)
	}
}

var awkwardNames = []string{
	"with spaces", " leading and trailing ", "namespace/12/sha256:0123456789abcdef", "/absolute/path", "../up", "..", ".",
	"double//slash", "a b", "a/b", "a-b", "a_b", "a.b", "a%20b", "a@b", "a#b", "a,b", `a"b`, `a\b`, "a'b", "a=b", "a\nb",
	"a\tb", "-a", "CASE", "case", "ünïcödé", "\u00e9", "e\u0301", "日本語", "\U0001f433",
	strings.Repeat("long/", 50) + "x", strings.Repeat("long/", 50) + "y", strings.Repeat("ü", 250),
}

// checkNames takes what a store may not: names that are no file names, and those that differ only in what a store may
// take for the same.
func checkNames(b *bed) {
	active := func(name string) string { return name + " active" }
	want := awkwardNames
	for _, name := range awkwardNames {
		b.layer(name, "")
		_, err := b.sn.Prepare(b.ctx, active(name), name)
		b.must(err)
		want = append(want, active(name))
	}
	b.wantNames(want)
	for _, name := range awkwardNames {
		if info := b.stat(name); info.Name != name || info.Kind != snapshots.KindCommitted {
			b.Errorf("Stat of %q is %+v", name, info)
		}
		if info := b.stat(active(name)); info.Name != active(name) || info.Parent != name {
			b.Errorf("Stat of %q is %+v", active(name), info)
		}
		b.wantNames([]string{active(name)}, fmt.Sprintf("parent==%q", name))
	}
	for _, name := range awkwardNames {
		b.must(b.sn.Remove(b.ctx, active(name)))
		b.must(b.sn.Remove(b.ctx, name))
		if _, err := b.sn.Stat(b.ctx, name); !errdefs.IsNotFound(err) {
			b.Errorf("Stat of %q, which is removed: %v", name, err)
		}
	}
	b.wantNames(nil)
}

// longLabels are 20, each of the 4096 bytes that containerd allows, key and value together.
func longLabels() map[string]string {
	const limit = 4096
	labels := map[string]string{}
	for i := range 19 {
		key := fmt.Sprintf("example.com/long-%d", i)
		labels[key] = strings.Repeat("ü\n\"", limit)[:limit-len(key)-3] + "end"
		labels[key] = strings.ToValidUTF8(labels[key], "?")
	}
	labels[strings.Repeat("k", limit-1)] = "v"
	return labels
}

func checkLongLabels(b *bed) {
	labels := longLabels()
	_, err := b.sn.Prepare(b.ctx, "active", "", snapshots.WithLabels(labels))
	b.must(err)
	b.wantLabels(b.stat("active"), labels)
	b.must(b.sn.Commit(b.ctx, "layer", "active", snapshots.WithLabels(labels)))
	b.wantLabels(b.stat("layer"), labels)

	for key := range labels {
		labels[key] = strings.ToUpper(labels[key])
	}
	updated, err := b.sn.Update(b.ctx, snapshots.Info{Name: "layer", Labels: labels}, "labels")
	b.must(err)
	b.wantLabels(updated, labels)
	b.must(b.sn.Walk(b.ctx, func(_ context.Context, info snapshots.Info) error {
		b.wantLabels(info, labels)
		return nil
	}))
}
