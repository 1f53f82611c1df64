// Package answers is what both servers in Go say: see bench/servers/answers.mjs.
package answers

import (
	"errors"
	"fmt"
	"io"
	"strings"

	benchv1 "nestjs-connect/bench/gen/bench/v1"
)

// Unary answers with what it was asked.
func Unary(request *benchv1.UnaryRequest) *benchv1.UnaryResponse {
	return &benchv1.UnaryResponse{Text: request.GetText(), Items: request.GetItems()}
}

// ServerStream sends as many messages as were asked for.
func ServerStream(request *benchv1.ServerStreamRequest, send func(*benchv1.ServerStreamResponse) error) error {
	length := int(request.GetTextLength())
	shared := strings.Repeat("x", length)
	for sequence := uint32(1); sequence <= request.GetCount(); sequence++ {
		text := shared
		if request.GetHasDistinctTexts() {
			text = fmt.Sprintf("%0*d", length, sequence)
		}
		if err := send(&benchv1.ServerStreamResponse{Sequence: sequence, Text: text}); err != nil {
			return err
		}
	}
	return nil
}

// BidiStream answers every message with itself.
func BidiStream(
	receive func() (*benchv1.BidiStreamRequest, error),
	send func(*benchv1.BidiStreamResponse) error,
) error {
	for {
		request, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := send(&benchv1.BidiStreamResponse{Text: request.GetText()}); err != nil {
			return err
		}
	}
}
