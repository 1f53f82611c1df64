// The test service on grpc-go, clear text and TLS.
package main

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // Registers itself: answers to gzip are gzip.
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"nestjs-connect/interop/peer"
)

type text = wrapperspb.StringValue

// What protoc-gen-go-grpc would write, for the kinds of calls instead of the methods.
var service = grpc.ServiceDesc{
	ServiceName: peer.Service,
	HandlerType: (*any)(nil),
	Methods:     []grpc.MethodDesc{{MethodName: "Say", Handler: say}, {MethodName: "Look", Handler: say}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Collect", ClientStreams: true, Handler: collect},
		{StreamName: "Watch", ServerStreams: true, Handler: watch},
		{StreamName: "Talk", ClientStreams: true, ServerStreams: true, Handler: talk},
	},
}

func say(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	request := new(text)
	if err := decode(request); err != nil {
		return nil, err
	}
	headers, trailers := echo(ctx)
	_ = grpc.SetHeader(ctx, headers)
	_ = grpc.SetTrailer(ctx, trailers)
	answer, err := peer.Answer(ctx, request.GetValue(), peer.NoMore)
	if err != nil {
		return nil, asError(err, func(reason metadata.MD) { _ = grpc.SetTrailer(ctx, reason) })
	}
	return wrapperspb.String(answer), nil
}

func collect(_ any, stream grpc.ServerStream) error {
	answer, err := peer.AnswerTogether(stream.Context(), receiveFrom(stream))
	if err != nil {
		return asError(err, stream.SetTrailer)
	}
	return stream.SendMsg(answer)
}

func watch(_ any, stream grpc.ServerStream) error {
	request, err := receiveFrom(stream)()
	if err != nil {
		return err
	}
	headers, trailers := echo(stream.Context())
	_ = stream.SetHeader(headers)
	stream.SetTrailer(trailers)
	return asError(peer.AnswerAll(stream.Context(), request.GetValue(), sendTo(stream)), stream.SetTrailer)
}

func talk(_ any, stream grpc.ServerStream) error {
	return asError(peer.AnswerEach(stream.Context(), receiveFrom(stream), sendTo(stream)), stream.SetTrailer)
}

func receiveFrom(stream grpc.ServerStream) peer.Receive {
	return func() (*text, error) {
		request := new(text)
		return request, stream.RecvMsg(request)
	}
}

func sendTo(stream grpc.ServerStream) func(*text) error {
	return func(answer *text) error { return stream.SendMsg(answer) }
}

func echo(ctx context.Context) (headers, trailers metadata.MD) {
	received, _ := metadata.FromIncomingContext(ctx)
	headers, trailers = metadata.MD{}, metadata.MD{}
	for _, suffix := range []string{"", "-bin"} {
		headers.Append("x-echo"+suffix, received.Get("x-echo"+suffix)...)
		trailers.Append("x-echo-trailer"+suffix, received.Get("x-echo"+suffix)...)
	}
	return headers, trailers
}

func asError(err error, setTrailer func(metadata.MD)) error {
	if !errors.Is(err, peer.ErrFail) {
		return err
	}
	setTrailer(metadata.Pairs("x-reason", "couch", "x-reason-bin", string(peer.Reason)))
	failure, err := status.New(codes.FailedPrecondition, peer.FailMessage).WithDetails(peer.Detail())
	if err != nil {
		return err
	}
	return failure.Err()
}

func main() {
	listener, tlsConfig := peer.Start()
	options := []grpc.ServerOption{}
	if tlsConfig != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(tlsConfig)))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(&service, nil)
	panic(server.Serve(listener))
}
