// The benchmark's service on grpc-go.
package main

import (
	"context"

	"google.golang.org/grpc"

	"nestjs-connect/bench/answers"
	"nestjs-connect/bench/control"
	benchv1 "nestjs-connect/bench/gen/bench/v1"
)

type service struct {
	benchv1.UnimplementedBenchServiceServer
}

func (service) Unary(_ context.Context, request *benchv1.UnaryRequest) (*benchv1.UnaryResponse, error) {
	return answers.Unary(request), nil
}

func (service) ServerStream(
	request *benchv1.ServerStreamRequest,
	stream grpc.ServerStreamingServer[benchv1.ServerStreamResponse],
) error {
	return answers.ServerStream(request, stream.Send)
}

func (service) BidiStream(stream grpc.BidiStreamingServer[benchv1.BidiStreamRequest, benchv1.BidiStreamResponse]) error {
	return answers.BidiStream(stream.Recv, stream.Send)
}

func main() {
	server := grpc.NewServer()
	benchv1.RegisterBenchServiceServer(server, service{})
	listener := control.Listen()
	control.Announce(listener)
	panic(server.Serve(listener))
}
