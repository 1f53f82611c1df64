// The test service on connect-go: Connect, gRPC and gRPC-Web, HTTP/1.1 and HTTP/2, clear text and TLS.
package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"nestjs-connect/interop/peer"
)

type text = wrapperspb.StringValue

func say(ctx context.Context, request *connect.Request[text]) (*connect.Response[text], error) {
	answer, err := peer.Answer(ctx, request.Msg.GetValue(), peer.NoMore)
	if err != nil {
		return nil, asError(err)
	}
	response := connect.NewResponse(wrapperspb.String(answer))
	echo(request.Header(), response.Header(), response.Trailer())
	return response, nil
}

// Look tells which HTTP method has brought it.
func look(_ context.Context, request *connect.Request[text]) (*connect.Response[text], error) {
	return connect.NewResponse(wrapperspb.String(request.HTTPMethod() + " " + request.Msg.GetValue())), nil
}

func collect(ctx context.Context, stream *connect.ClientStream[text]) (*connect.Response[text], error) {
	answer, err := peer.AnswerTogether(ctx, func() (*text, error) {
		if stream.Receive() {
			return stream.Msg(), nil
		} else if err := stream.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	})
	if err != nil {
		return nil, asError(err)
	}
	return connect.NewResponse(answer), nil
}

func watch(ctx context.Context, request *connect.Request[text], stream *connect.ServerStream[text]) error {
	echo(request.Header(), stream.ResponseHeader(), stream.ResponseTrailer())
	return asError(peer.AnswerAll(ctx, request.Msg.GetValue(), stream.Send))
}

func talk(ctx context.Context, stream *connect.BidiStream[text, text]) error {
	return asError(peer.AnswerEach(ctx, stream.Receive, stream.Send))
}

func echo(request, headers, trailers http.Header) {
	for _, suffix := range []string{"", "-bin"} {
		for _, value := range request.Values("x-echo" + suffix) {
			headers.Add("x-echo"+suffix, value)
			trailers.Add("x-echo-trailer"+suffix, value)
		}
	}
}

func asError(err error) error {
	if !errors.Is(err, peer.ErrFail) {
		return err
	}
	failure := connect.NewError(connect.CodeFailedPrecondition, errors.New(peer.FailMessage))
	detail, err := connect.NewErrorDetail(peer.Detail())
	if err != nil {
		return err
	}
	failure.AddDetail(detail)
	failure.Meta().Set("x-reason", "couch")
	failure.Meta().Set("x-reason-bin", connect.EncodeBinaryHeader(peer.Reason))
	return failure
}

func main() {
	const prefix = "/" + peer.Service + "/"
	mux := http.NewServeMux()
	mux.Handle(prefix+"Say", connect.NewUnaryHandler(prefix+"Say", say))
	mux.Handle(prefix+"Look", connect.NewUnaryHandler(prefix+"Look", look,
		connect.WithIdempotency(connect.IdempotencyNoSideEffects)))
	mux.Handle(prefix+"Collect", connect.NewClientStreamHandler(prefix+"Collect", collect))
	mux.Handle(prefix+"Watch", connect.NewServerStreamHandler(prefix+"Watch", watch))
	mux.Handle(prefix+"Talk", connect.NewBidiStreamHandler(prefix+"Talk", talk))

	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	listener, tlsConfig := peer.Start()
	server := &http.Server{Handler: mux, Protocols: protocols, TLSConfig: tlsConfig}
	if tlsConfig == nil {
		panic(server.Serve(listener))
	}
	panic(server.ServeTLS(listener, "", ""))
}
