package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// serve runs until SIGTERM, and then as long as calls are unanswered.
func serve(path string) error {
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	gates := newGates()
	server.Register(service, map[string]ttrpc.Method{
		"Echo":     method(echo),
		"Fill":     method(fill),
		"Fail":     method(fail),
		"Plain":    method(plain),
		"Metadata": method(metadata),
		"Deadline": method(deadline),
		"Hang":     method(hang),
		"Wait":     method(gates.wait),
		"Open":     method(gates.open),
	})
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), listener) }()
	fmt.Println("serving")

	select {
	case err := <-served:
		return err
	case <-terminated:
		return server.Shutdown(context.Background())
	}
}

// method makes a ttrpc method of a function from bytes to bytes; on the wire both are google.protobuf.BytesValue.
func method(handle func(context.Context, []byte) ([]byte, error)) ttrpc.Method {
	return func(ctx context.Context, unmarshal func(interface{}) error) (interface{}, error) {
		var request bytesValue
		if err := unmarshal(&request); err != nil {
			return nil, err
		}
		reply, err := handle(ctx, request.Value)
		if err != nil {
			return nil, err
		}
		return &bytesValue{Value: reply}, nil
	}
}

func echo(_ context.Context, payload []byte) ([]byte, error) {
	return payload, nil
}

// fill answers with as many bytes as the payload says.
func fill(_ context.Context, payload []byte) ([]byte, error) {
	size, err := strconv.Atoi(string(payload))
	if err != nil {
		return nil, err
	}
	return make([]byte, size), nil
}

// fail answers with the status code that the payload names by its number.
func fail(_ context.Context, payload []byte) ([]byte, error) {
	code, err := strconv.Atoi(string(payload))
	if err != nil {
		return nil, err
	}
	return nil, status.Errorf(codes.Code(code), "failed with %d", code)
}

func plain(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("a plain error")
}

// metadata answers with the values of the key that the payload names.
func metadata(ctx context.Context, payload []byte) ([]byte, error) {
	all, _ := ttrpc.GetMetadata(ctx)
	values, _ := all.Get(string(payload))
	return []byte(strings.Join(values, ",")), nil
}

// deadline answers with the milliseconds left, or nothing if there is no deadline.
func deadline(ctx context.Context, _ []byte) ([]byte, error) {
	at, ok := ctx.Deadline()
	if !ok {
		return nil, nil
	}
	return []byte(strconv.FormatInt(time.Until(at).Milliseconds(), 10)), nil
}

func hang(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// gates are named things to wait for.
type gates struct {
	mu     sync.Mutex
	byName map[string]chan struct{}
}

func newGates() *gates {
	return &gates{byName: map[string]chan struct{}{}}
}

func (g *gates) get(name string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName[name] == nil {
		g.byName[name] = make(chan struct{})
	}
	return g.byName[name]
}

func (g *gates) wait(_ context.Context, name []byte) ([]byte, error) {
	<-g.get(string(name))
	return name, nil
}

func (g *gates) open(_ context.Context, name []byte) ([]byte, error) {
	close(g.get(string(name)))
	return nil, nil
}
