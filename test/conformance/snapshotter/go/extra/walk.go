package extra

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
)

func (b *bed) names(filters ...string) []string {
	b.Helper()
	var names []string
	b.must(b.sn.Walk(b.ctx, func(_ context.Context, info snapshots.Info) error {
		names = append(names, info.Name)
		return nil
	}, filters...))
	slices.Sort(names)
	return names
}

// wantNames expects these snapshots of a Walk, in any order.
func (b *bed) wantNames(want []string, filters ...string) {
	b.Helper()
	want = slices.Sorted(slices.Values(want))
	if got := b.names(filters...); !slices.Equal(got, want) {
		b.Errorf("filters %q match %q, expected %q", filters, got, want)
	}
}

// checkEmpty asks a snapshotter that never held anything. containerd's own, whose database is still without a bucket,
// answers NotFound.
func checkEmpty(b *bed) {
	b.must(b.cleanup())
	for _, filters := range [][]string{nil, {"kind==active"}} {
		b.must(b.sn.Walk(b.ctx, func(_ context.Context, info snapshots.Info) error {
			return fmt.Errorf("there should be nothing, but there is %q", info.Name)
		}, filters...))
	}
}

func checkWalkFilters(b *bed) {
	label := func(labels map[string]string) snapshots.Opt { return snapshots.WithLabels(labels) }
	_, err := b.sn.Prepare(b.ctx, "base active", "")
	b.must(err)
	b.must(b.sn.Commit(b.ctx, "base", "base active", label(map[string]string{"l": "1", "dotted.example/key": "x"})))
	_, err = b.sn.Prepare(b.ctx, "active", "base", label(map[string]string{"l": "2"}))
	b.must(err)
	_, err = b.sn.View(b.ctx, "view", "base", label(map[string]string{"l": "3", "with space": "a, b"}))
	b.must(err)
	_, err = b.sn.Prepare(b.ctx, "lone", "", label(map[string]string{"other": `"quoted" = ünïcödé`}))
	b.must(err)
	_, err = b.sn.View(b.ctx, "bare", "")
	b.must(err)

	all := []string{"base", "active", "view", "lone", "bare"}
	for _, test := range []struct {
		want    []string
		filters []string
	}{
		{all, nil},
		{all, []string{"name"}},
		{all, []string{"kind"}},
		{[]string{"base"}, []string{"name==base"}},
		{[]string{"base"}, []string{`name=="base"`}},
		{nil, []string{"name==bas"}},
		{nil, []string{"name==BASE"}},
		{nil, []string{"nosuchfield==base"}},
		{nil, []string{"nosuchfield"}},
		{[]string{"active", "view", "lone", "bare"}, []string{"name!=base"}},
		{[]string{"active", "view"}, []string{"parent==base"}},
		{[]string{"base", "lone", "bare"}, []string{`parent==""`}},
		{[]string{"active", "view"}, []string{`parent!=""`}},
		// A comma: both. Several filters: any.
		{[]string{"view"}, []string{"kind==view,parent==base"}},
		{[]string{"active", "view", "bare"}, []string{"kind==view", "parent==base"}},
		{[]string{"base", "view"}, []string{"kind==view,labels.l==3", "kind==committed"}},
		{nil, []string{"kind==view,kind==active"}},
		{[]string{"active", "lone"}, []string{"kind==active", "kind==active"}},
		{[]string{"active", "lone", "bare"}, []string{"kind!=committed,labels.l!=3"}},
		// Labels: there at all, by value, and with all that needs quotes.
		{[]string{"base", "active", "view"}, []string{"labels.l"}},
		{[]string{"active"}, []string{"labels.l==2"}},
		{[]string{"base", "view", "lone", "bare"}, []string{"labels.l!=2"}},
		{[]string{"base"}, []string{`labels."dotted.example/key"`}},
		{[]string{"base"}, []string{`labels."dotted.example/key"==x`}},
		{[]string{"view"}, []string{`labels."with space"=="a, b"`}},
		{[]string{"lone"}, []string{`labels.other=="\"quoted\" = ünïcödé"`}},
		// A regular expression matches anywhere unless it is anchored, in any of three quotes.
		{[]string{"base", "bare"}, []string{`name~="^ba"`}},
		{[]string{"base", "bare"}, []string{`name~=/^ba/`}},
		{[]string{"base", "bare"}, []string{`name~=|^ba|`}},
		{[]string{"base", "bare", "active", "view"}, []string{`name~=[aw]`, "name==view"}},
		{[]string{"active", "view"}, []string{`labels.l~=/^[23]$/`}},
		{[]string{"view"}, []string{`labels.l~=/^[23]$/,kind==view`}},
		{[]string{"lone", "view"}, []string{`name~=/^(lone|view)$/`}},
		// As containerd looks for a layer that another unpack has made.
		{[]string{"active"}, []string{`labels."l"==2,parent=="base"`}},
	} {
		b.wantNames(test.want, test.filters...)
	}
}

func checkWalkBadFilter(b *bed) {
	for _, filter := range []string{"name=base", "==base", `name=="base`, "name==base,", "na me==x"} {
		err := b.sn.Walk(b.ctx, func(context.Context, snapshots.Info) error { return nil }, filter)
		b.wantError("Walk with the filter "+filter, err, errdefs.ErrInvalidArgument)
	}
}

// checkWalkLong lists what is too much for one message of 4 MiB, and for one of containerd's own 100 snapshots.
func checkWalkLong(b *bed) {
	labels := longLabels()
	var want []string
	for i := range 120 {
		key := fmt.Sprintf("active %d", i)
		_, err := b.sn.Prepare(b.ctx, key, "", snapshots.WithLabels(labels))
		b.must(err)
		want = append(want, key)
	}
	b.wantNames(want)
}
