// Against the ttrpc of containerd 2.1. go-1.1.mod builds the same program against that of containerd 1.6.
module peer

go 1.19

require (
	github.com/containerd/ttrpc v1.2.7
	github.com/gogo/protobuf v1.3.2
	google.golang.org/grpc v1.57.1
	google.golang.org/protobuf v1.33.0
)

require (
	github.com/containerd/log v0.1.0 // indirect
	github.com/golang/protobuf v1.5.3 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	golang.org/x/sys v0.18.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20230731190214-cbb8c96f2d6d // indirect
)
