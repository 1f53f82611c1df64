"""The test service on grpcio, clear text and TLS. Its script is that of test/interop/support/peers/script.ts.

Tells the test its port, and ends when the test is gone.
"""

import argparse
import sys
import threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.wrappers_pb2 import StringValue
from google.rpc.status_pb2 import Status

SERVICE = "test.v1.TestService"
FAIL_MESSAGE = "no couch: \U0001f6cb is broken"

# What is raised stays so: who waits may come later.
signals = defaultdict(threading.Event)


def say(request, context):
    echo(context)
    return StringValue(value=answer(request.value, context))


def watch(request, context):
    echo(context)
    for word in request.value.split(" "):
        yield StringValue(value=answer(word, context))


def collect(requests, context):
    return StringValue(value=" ".join(answer(request.value, context) for request in requests))


def talk(requests, context):
    for request in requests:
        yield StringValue(value=answer(request.value, context))


def answer(word, context):
    """Does what a word asks for."""
    name, _, argument = word.partition(":")
    if name == "fail":
        fail(context)
    if name == "wait":
        wait(argument, context)
    if name == "until":
        signals[argument].wait()
        return argument
    if name == "deadline":
        return str(int(context.time_remaining() * 1000))
    if name == "size":
        return "x" * int(argument)
    return word


def wait(key, context):
    canceled = threading.Event()
    # Not added when the call has ended already.
    if context.add_callback(canceled.set):
        signals["begun:" + key].set()
        canceled.wait()
    signals["canceled:" + key].set()


def fail(context):
    status = Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=FAIL_MESSAGE)
    detail = Any()
    detail.Pack(StringValue(value="the detail"))
    status.details.append(detail)
    context.set_trailing_metadata(
        (
            ("x-reason", "couch"),
            ("x-reason-bin", b"\x00\x01\xff"),
            ("grpc-status-details-bin", status.SerializeToString()),
        )
    )
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, FAIL_MESSAGE)


def echo(context):
    received = [
        (key.removeprefix("x-echo"), value)
        for key, value in context.invocation_metadata()
        if key in ("x-echo", "x-echo-bin")
    ]
    context.send_initial_metadata([("x-echo" + suffix, value) for suffix, value in received])
    context.set_trailing_metadata([("x-echo-trailer" + suffix, value) for suffix, value in received])


def handlers():
    wire = {
        "request_deserializer": StringValue.FromString,
        "response_serializer": StringValue.SerializeToString,
    }
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Say": grpc.unary_unary_rpc_method_handler(say, **wire),
            "Look": grpc.unary_unary_rpc_method_handler(say, **wire),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, **wire),
            "Collect": grpc.stream_unary_rpc_method_handler(collect, **wire),
            "Talk": grpc.stream_stream_rpc_method_handler(talk, **wire),
        },
    )


def open_port(server, cert, key):
    if cert is None:
        return server.add_insecure_port("127.0.0.1:0")
    with open(cert, "rb") as certificate, open(key, "rb") as private:
        pairs = [(private.read(), certificate.read())]
    return server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pairs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-cert")
    parser.add_argument("-key")
    files = parser.parse_args()
    # Compresses for clients that accept it.
    server = grpc.server(ThreadPoolExecutor(max_workers=32), compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers((handlers(),))
    port = open_port(server, files.cert, files.key)
    server.start()
    print(f"listening {port}", flush=True)
    sys.stdin.read()
    server.stop(grace=None)


if __name__ == "__main__":
    main()
