// A client of containerd as Go programs have it. It reads one JSON request per line and answers each with one line, in
// whatever order they are done; what containerd tells of tasks comes as lines in between.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/containerd/containerd"
	"github.com/containerd/containerd/namespaces"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type request struct {
	Number    int      `json:"number"`
	Op        string   `json:"op"`
	Container string   `json:"container"`
	Exec      string   `json:"exec"`
	Args      []string `json:"args"`
	Terminal  bool     `json:"terminal"`
	Stdin     bool     `json:"stdin"`
	Text      string   `json:"text"`
	Signal    uint32   `json:"signal"`
	TimeoutMs int      `json:"timeoutMs"`
}

type answer struct {
	Number int `json:"number"`
	// gRPC's; 0 of a call that succeeded.
	Code    int    `json:"code"`
	Message string `json:"message,omitempty"`
	Status  string `json:"status,omitempty"`
	Exit    uint32 `json:"exit"`
	Pid     uint32 `json:"pid,omitempty"`
	Bytes   int    `json:"bytes"`
	Text    string `json:"text,omitempty"`
}

type program struct {
	client  *containerd.Client
	context context.Context
	fifos   string
	runtime string
	image   string
	streams streamTable
	out     sync.Mutex
}

// say writes one line; lines never mix.
func (p *program) say(line interface{}) {
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	p.out.Lock()
	defer p.out.Unlock()
	os.Stdout.Write(append(text, '\n'))
}

func (p *program) serve(r request) {
	ctx, cancel := context.WithTimeout(p.context, time.Duration(r.TimeoutMs)*time.Millisecond)
	defer cancel()
	result := answer{Number: r.Number}
	op, known := operations[r.Op]
	var err error
	if !known {
		err = fmt.Errorf("no operation %q", r.Op)
	} else {
		err = op(ctx, p, r, &result)
	}
	if err != nil {
		result.Code, result.Message = int(codeOf(err)), err.Error()
		if ctx.Err() == context.DeadlineExceeded {
			result.Status = "timeout"
		}
	}
	p.say(result)
}

// codeOf finds gRPC's code again in what containerd's client made of it.
func codeOf(err error) codes.Code {
	if code := status.Code(toGRPC(err)); code != codes.OK {
		return code
	}
	return codes.Unknown
}

func main() {
	address := flag.String("address", "", "containerd's socket")
	namespace := flag.String("namespace", "", "containerd's namespace")
	fifos := flag.String("fifos", "", "a directory for streams")
	runtime := flag.String("runtime", "", "a runtime's name")
	image := flag.String("image", "", "an image's name")
	flag.Parse()
	client, err := containerd.New(*address, containerd.WithDefaultRuntime(*runtime))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := &program{
		client:  client,
		context: namespaces.WithNamespace(context.Background(), *namespace),
		fifos:   *fifos,
		runtime: *runtime,
		image:   *image,
		streams: streamTable{streams: map[string]*stream{}},
	}
	go p.watch()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go p.serve(r)
	}
}
