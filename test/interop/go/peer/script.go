// Package peer is what the servers of the interop tests have in common: what they answer, and how they are started.
// The script is that of test/interop/support/peers/script.ts.
package peer

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Service is the name in every path.
const Service = "test.v1.TestService"

// FailMessage is the text of the error that "fail" asks for.
const FailMessage = "no couch: \U0001F6CB is broken"

// ErrFail is what "fail" asks for: each server has errors of its own.
var ErrFail = errors.New("asked to fail")

// Reason is the metadata of the error that "fail" asks for.
var Reason = []byte{0, 1, 255}

// Detail returns the one detail of that error.
func Detail() *wrapperspb.StringValue { return wrapperspb.String("the detail") }

// Receive takes the next request off the wire. io.EOF is the end.
type Receive func() (*wrapperspb.StringValue, error)

// NoMore is the Receive of a call whose only request was read.
func NoMore() (*wrapperspb.StringValue, error) { return nil, io.EOF }

// Answer does what a word asks for.
func Answer(ctx context.Context, word string, receive Receive) (string, error) {
	name, argument, _ := strings.Cut(word, ":")
	switch name {
	case "fail":
		return "", ErrFail
	case "wait":
		return "", wait(ctx, argument, receive)
	case "until":
		select {
		case <-signal(argument):
			return argument, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	case "deadline":
		return timeLeft(ctx), nil
	case "size":
		size, err := strconv.Atoi(argument)
		return strings.Repeat("x", size), err
	}
	return word, nil
}

// AnswerAll answers each word of a request by itself.
func AnswerAll(ctx context.Context, words string, send func(*wrapperspb.StringValue) error) error {
	for word := range strings.SplitSeq(words, " ") {
		if err := answerTo(ctx, word, NoMore, send); err != nil {
			return err
		}
	}
	return nil
}

// AnswerEach answers each request by itself.
func AnswerEach(ctx context.Context, receive Receive, send func(*wrapperspb.StringValue) error) error {
	for {
		request, err := receive()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := answerTo(ctx, request.GetValue(), receive, send); err != nil {
			return err
		}
	}
}

// AnswerTogether answers all requests with one message.
func AnswerTogether(ctx context.Context, receive Receive) (*wrapperspb.StringValue, error) {
	answers := []string{}
	err := AnswerEach(ctx, receive, func(answer *wrapperspb.StringValue) error {
		answers = append(answers, answer.GetValue())
		return nil
	})
	return wrapperspb.String(strings.Join(answers, " ")), err
}

func answerTo(ctx context.Context, word string, receive Receive, send func(*wrapperspb.StringValue) error) error {
	answer, err := Answer(ctx, word, receive)
	if err != nil {
		return err
	}
	return send(wrapperspb.String(answer))
}

// Over HTTP/1.1 net/http notices that a client is gone only while it reads the request.
func wait(ctx context.Context, key string, receive Receive) error {
	raise("begun:" + key)
	defer raise("canceled:" + key)
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

func timeLeft(ctx context.Context) string {
	deadline, ok := ctx.Deadline()
	if !ok {
		return "none"
	}
	return strconv.FormatInt(time.Until(deadline).Milliseconds(), 10)
}

var (
	signals = map[string]chan struct{}{}
	mutex   sync.Mutex
)

// What is raised stays so: who waits may come later.
func signal(name string) chan struct{} {
	mutex.Lock()
	defer mutex.Unlock()
	if _, ok := signals[name]; !ok {
		signals[name] = make(chan struct{})
	}
	return signals[name]
}

func raise(name string) { close(signal(name)) }
