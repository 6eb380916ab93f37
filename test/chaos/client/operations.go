package main

import (
	"context"
	"syscall"

	"github.com/containerd/containerd"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/cio"
	"github.com/containerd/containerd/containers"
	"github.com/containerd/containerd/errdefs"
	"github.com/containerd/containerd/oci"
	"github.com/containerd/typeurl"
)

type operation func(context.Context, *program, request, *answer) error

var operations = map[string]operation{
	"define":  define,
	"create":  create,
	"exec":    addExec,
	"start":   start,
	"wait":    wait,
	"status":  state,
	"kill":    kill,
	"pause":   onTask(func(ctx context.Context, t containerd.Task) error { return t.Pause(ctx) }),
	"resume":  onTask(func(ctx context.Context, t containerd.Task) error { return t.Resume(ctx) }),
	"stats":   onTask(func(ctx context.Context, t containerd.Task) error { _, err := t.Metrics(ctx); return err }),
	"pids":    onTask(func(ctx context.Context, t containerd.Task) error { _, err := t.Pids(ctx); return err }),
	"resize":  resize,
	"input":   input,
	"close":   closeInput,
	"delete":  remove,
	"release": release,
	"forget":  forget,
	"output":  output,
	"stall":   onStream((*stream).stall),
	"proceed": onStream((*stream).proceed),
	"vanish":  onStream((*stream).vanish),
	"return":  onStream((*stream).reopen),
}

func toGRPC(err error) error { return errdefs.ToGRPC(err) }

// define makes the container, with its snapshot; of a task there is nothing yet.
func define(ctx context.Context, p *program, r request, _ *answer) error {
	image, err := p.client.GetImage(ctx, p.image)
	if err != nil {
		return err
	}
	options := []oci.SpecOpts{oci.WithImageConfigArgs(image, r.Args), oci.WithProcessArgs(r.Args...)}
	if r.Terminal {
		options = append(options, oci.WithTTY)
	}
	_, err = p.client.NewContainer(ctx, r.Container,
		containerd.WithImage(image),
		containerd.WithNewSnapshot(r.Container, image),
		containerd.WithRuntime(p.runtime, nil),
		containerd.WithNewSpec(options...))
	return err
}

// forget removes the container and its snapshot, and the streams; whatever of them is there.
func forget(ctx context.Context, p *program, r request, _ *answer) error {
	defer p.streams.drop(r.Container)
	container, err := p.client.LoadContainer(ctx, r.Container)
	if errdefs.IsNotFound(err) {
		err = p.client.SnapshotService("").Remove(ctx, r.Container)
	} else if err == nil {
		err = container.Delete(ctx, containerd.WithSnapshotCleanup)
	}
	if errdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// release lets containerd forget a task that the shim does not know any more. A containerd 1.6 that was killed between
// the two keeps its bundle, finds it again, and believes the shim that answers; containerd's client asks for the state
// first, and gets no further. Later ones notice by themselves.
func release(ctx context.Context, p *program, r request, _ *answer) error {
	if err := deleteTask(ctx, p, r); !errdefs.IsNotFound(err) {
		return err
	}
	// Of a bundle whose container is gone containerd says the same: ctr removes its container as soon as containerd is
	// back, and then nobody can remove the bundle, whatever the runtime.
	record, err := emptyRecord(p, r)
	if err != nil {
		return err
	}
	if _, err := p.client.ContainerService().Create(ctx, record); errdefs.IsAlreadyExists(err) {
		return nil
	} else if err != nil {
		return err
	}
	if err := deleteTask(ctx, p, r); err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	return p.client.ContainerService().Delete(ctx, r.Container)
}

func deleteTask(ctx context.Context, p *program, r request) error {
	_, err := p.client.TaskService().Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: r.Container})
	return errdefs.FromGRPC(err)
}

func emptyRecord(p *program, r request) (containers.Container, error) {
	spec, err := typeurl.MarshalAny(&oci.Spec{})
	return containers.Container{
		ID:      r.Container,
		Runtime: containers.RuntimeInfo{Name: p.runtime},
		Spec:    spec,
	}, err
}

func (p *program) creator(r request) cio.Creator {
	return func(string) (cio.IO, error) { return p.streams.open(p.fifos, r) }
}

func create(ctx context.Context, p *program, r request, result *answer) error {
	container, err := p.client.LoadContainer(ctx, r.Container)
	if err != nil {
		return err
	}
	task, err := container.NewTask(ctx, p.creator(r))
	if err != nil {
		return err
	}
	result.Pid = task.Pid()
	return nil
}

func (p *program) task(ctx context.Context, r request) (containerd.Task, error) {
	container, err := p.client.LoadContainer(ctx, r.Container)
	if err != nil {
		return nil, err
	}
	return container.Task(ctx, func(*cio.FIFOSet) (cio.IO, error) { return p.streams.attach(r.Container, "") })
}

func (p *program) process(ctx context.Context, r request) (containerd.Process, error) {
	task, err := p.task(ctx, r)
	if err != nil || r.Exec == "" {
		return task, err
	}
	return task.LoadProcess(ctx, r.Exec, func(*cio.FIFOSet) (cio.IO, error) { return p.streams.attach(r.Container, r.Exec) })
}

func onTask(do func(context.Context, containerd.Task) error) operation {
	return func(ctx context.Context, p *program, r request, _ *answer) error {
		task, err := p.task(ctx, r)
		if err != nil {
			return err
		}
		return do(ctx, task)
	}
}

func addExec(ctx context.Context, p *program, r request, _ *answer) error {
	task, err := p.task(ctx, r)
	if err != nil {
		return err
	}
	spec, err := task.Spec(ctx)
	if err != nil {
		return err
	}
	process := spec.Process
	process.Args, process.Terminal = r.Args, r.Terminal
	_, err = task.Exec(ctx, r.Exec, process, p.creator(r))
	return err
}

func start(ctx context.Context, p *program, r request, result *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	err = process.Start(ctx)
	result.Pid = process.Pid()
	return err
}

func wait(ctx context.Context, p *program, r request, result *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	ended, err := process.Wait(ctx)
	if err != nil {
		return err
	}
	select {
	case exit := <-ended:
		result.Exit, _, err = exit.Result()
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func state(ctx context.Context, p *program, r request, result *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	found, err := process.Status(ctx)
	result.Status, result.Exit, result.Pid = string(found.Status), found.ExitStatus, process.Pid()
	return err
}

func kill(ctx context.Context, p *program, r request, _ *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	return process.Kill(ctx, syscall.Signal(r.Signal))
}

func resize(ctx context.Context, p *program, r request, _ *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	return process.Resize(ctx, 120, 40)
}

// input writes the text to the process's stdin, which stays open.
func input(_ context.Context, p *program, r request, _ *answer) error {
	found, err := p.streams.find(r.Container, r.Exec)
	if err != nil {
		return err
	}
	return found.write(r.Text)
}

func closeInput(ctx context.Context, p *program, r request, _ *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	return process.CloseIO(ctx, containerd.WithStdinCloser)
}

func remove(ctx context.Context, p *program, r request, result *answer) error {
	process, err := p.process(ctx, r)
	if err != nil {
		return err
	}
	exit, err := process.Delete(ctx)
	if err != nil {
		return err
	}
	result.Exit, _, err = exit.Result()
	return err
}
