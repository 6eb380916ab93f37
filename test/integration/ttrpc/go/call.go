package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/status"
)

// command is a call to make.
type command struct {
	ID        int
	Service   string // interop.v1.Peer if empty
	Method    string
	Payload   string
	Repeat    int // how often the payload is repeated; once if 0
	TimeoutMs int
	Metadata  map[string][]string
}

// result is what came of a call.
type result struct {
	ID      int    `json:"id"`
	Payload string `json:"payload"` // its first 64 bytes
	Length  int    `json:"length"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// call makes the calls it is told of, and ends when all are answered and stdin is at its end.
func call(path string) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer client.Close()

	results := make(chan result)
	written := make(chan error, 1)
	go func() { written <- writeResults(results) }()

	var running sync.WaitGroup
	commands := json.NewDecoder(os.Stdin)
	for {
		var next command
		if err := commands.Decode(&next); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		running.Add(1)
		go func() {
			defer running.Done()
			results <- next.run(client)
		}()
	}
	running.Wait()
	close(results)
	return <-written
}

func writeResults(results <-chan result) error {
	encoder := json.NewEncoder(os.Stdout)
	for next := range results {
		if err := encoder.Encode(next); err != nil {
			return err
		}
	}
	return nil
}

func (c command) run(client *ttrpc.Client) result {
	ctx := context.Background()
	if c.TimeoutMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	if c.Metadata != nil {
		ctx = ttrpc.WithMetadata(ctx, c.Metadata)
	}
	name := c.Service
	if name == "" {
		name = service
	}
	repeat := c.Repeat
	if repeat < 1 {
		repeat = 1
	}
	request := &bytesValue{Value: []byte(strings.Repeat(c.Payload, repeat))}
	var reply bytesValue
	if err := client.Call(ctx, name, c.Method, request, &reply); err != nil {
		st, _ := status.FromError(err)
		return result{ID: c.ID, Code: int(st.Code()), Message: st.Message()}
	}
	shown := reply.Value
	if len(shown) > 64 {
		shown = shown[:64]
	}
	return result{ID: c.ID, Payload: string(shown), Length: len(reply.Value)}
}
