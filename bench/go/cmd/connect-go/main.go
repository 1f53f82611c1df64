// The benchmark's service on connect-go, over HTTP/1.1 and HTTP/2 without TLS.
package main

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"nestjs-connect/bench/answers"
	"nestjs-connect/bench/control"
	benchv1 "nestjs-connect/bench/gen/bench/v1"
	"nestjs-connect/bench/gen/bench/v1/benchv1connect"
)

type service struct{}

func (service) Unary(
	_ context.Context,
	request *connect.Request[benchv1.UnaryRequest],
) (*connect.Response[benchv1.UnaryResponse], error) {
	return connect.NewResponse(answers.Unary(request.Msg)), nil
}

func (service) ServerStream(
	_ context.Context,
	request *connect.Request[benchv1.ServerStreamRequest],
	stream *connect.ServerStream[benchv1.ServerStreamResponse],
) error {
	return answers.ServerStream(request.Msg, stream.Send)
}

func (service) BidiStream(
	_ context.Context,
	stream *connect.BidiStream[benchv1.BidiStreamRequest, benchv1.BidiStreamResponse],
) error {
	return answers.BidiStream(stream.Receive, stream.Send)
}

func main() {
	mux := http.NewServeMux()
	mux.Handle(benchv1connect.NewBenchServiceHandler(service{}))
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: mux, Protocols: protocols}
	listener := control.Listen()
	control.Announce(listener)
	panic(server.Serve(listener))
}
