package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/containerd/api/events"
	"github.com/containerd/typeurl"
)

// How often a probe is sent until the first is seen, and a subscription tried.
const (
	probeTopic    = "/chaos/probe"
	probeInterval = 20 * time.Millisecond
	retryInterval = 50 * time.Millisecond
)

type seenEvent struct {
	Topic     string `json:"topic"`
	Container string `json:"container"`
	Exec      string `json:"exec,omitempty"`
	Exit      uint32 `json:"exit"`
}

// watch tells of every event of a task, and when it began to listen and ceased to.
func (p *program) watch() {
	for {
		p.subscribe()
		p.say(map[string]bool{"listening": false})
		time.Sleep(retryInterval)
	}
}

func (p *program) subscribe() {
	ctx, cancel := context.WithCancel(p.context)
	defer cancel()
	envelopes, errors := p.client.Subscribe(ctx)
	probing, seen := context.WithCancel(ctx)
	defer seen()
	go p.probe(probing)
	listening := false
	for {
		select {
		case envelope := <-envelopes:
			if envelope.Topic == probeTopic {
				if !listening {
					listening = true
					seen()
					p.say(map[string]bool{"listening": true})
				}
				continue
			}
			if !strings.HasPrefix(envelope.Topic, "/tasks/") || envelope.Event == nil {
				continue
			}
			event, err := typeurl.UnmarshalAny(envelope.Event)
			if err != nil {
				event = fmt.Sprint(err)
			}
			p.say(map[string]seenEvent{"event": describe(envelope.Topic, event)})
		case <-errors:
			return
		}
	}
}

// probe makes events until one was seen: containerd does not say when it has taken a subscription.
func (p *program) probe(ctx context.Context) {
	for ctx.Err() == nil {
		probe := &events.NamespaceUpdate{Name: "probe"}
		if p.client.EventService().Publish(ctx, probeTopic, probe) != nil {
			return
		}
		time.Sleep(probeInterval)
	}
}

func describe(topic string, event interface{}) seenEvent {
	seen := seenEvent{Topic: topic}
	switch e := event.(type) {
	case *events.TaskCreate:
		seen.Container = e.ContainerID
	case *events.TaskStart:
		seen.Container = e.ContainerID
	case *events.TaskDelete:
		seen.Container, seen.Exec, seen.Exit = e.ContainerID, e.ID, e.ExitStatus
	case *events.TaskExit:
		seen.Container, seen.Exec, seen.Exit = e.ContainerID, e.ID, e.ExitStatus
	case *events.TaskOOM:
		seen.Container = e.ContainerID
	case *events.TaskExecAdded:
		seen.Container, seen.Exec = e.ContainerID, e.ExecID
	case *events.TaskExecStarted:
		seen.Container, seen.Exec = e.ContainerID, e.ExecID
	case *events.TaskPaused:
		seen.Container = e.ContainerID
	case *events.TaskResumed:
		seen.Container = e.ContainerID
	default:
		seen.Container = fmt.Sprint(event)
	}
	if seen.Exec == seen.Container {
		seen.Exec = ""
	}
	return seen
}
