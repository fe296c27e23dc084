#!/usr/bin/env python3
"""Runs cases of the official gRPC interoperability tests with grpcio, and prints what it saw.

    python3 interop.py --target HOST:PORT --descriptor-set FILE
        [--ca FILE --cert FILE --key FILE --authorization TEXT] CASE...

Without `--ca` the service is called in plain HTTP/2. Messages are made from the descriptor set, with
no generated code. The cases are those of doc/interop-test-descriptions.md of grpc/grpc. What was
seen is one JSON object: by the name of the case, the list of its calls, each with `code`,
`message`, `details` (base64), `initial` and `trailing` (metadata) and `events`.
"""

import argparse
import base64
import json
import pathlib
import queue
import random
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "grpc.testing.TestService"
DETAILS = "grpc-status-details-bin"
ECHO = (
    ("x-grpc-test-echo-initial", "test_initial_metadata_value"),
    ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"),
)
GZIP = grpc.Compression.Gzip
WHITE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
# Sizes asked for and sent, turn by turn.
TURNS = ((31415, 27182), (9, 8), (2653, 1828), (58979, 45904))


def main():
    options = arguments()
    cases = Cases(options)
    json.dump({name: list(getattr(cases, name)()) for name in options.cases}, sys.stdout)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--descriptor-set", type=pathlib.Path, required=True)
    for name in ("--ca", "--cert", "--key"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--authorization")
    parser.add_argument("cases", nargs="+", metavar="CASE")
    return parser.parse_args()


class Contract:
    """The messages of a descriptor set."""

    def __init__(self, path):
        self.pool = descriptor_pool.DescriptorPool()
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes())
        for file in files.file:
            self.pool.Add(file)

    def new(self, name, **fields):
        kind = self.pool.FindMessageTypeByName("grpc.testing." + name)
        return message_factory.GetMessageClass(kind)(**fields)

    def method(self, name):
        service, method = name.rsplit("/", 1)
        return self.pool.FindServiceByName(service).methods_by_name[method]


class Cases:
    """Each method is a case, and gives what was seen of its calls."""

    def __init__(self, options):
        self.contract = Contract(options.descriptor_set)
        self.new = self.contract.new
        self.channel = channel(options)
        self.metadata = ()
        if options.authorization:
            self.metadata = (("authorization", options.authorization),)

    def empty_unary(self):
        yield self.unary("EmptyCall", self.new("Empty"))

    def large_unary(self):
        yield self.unary("UnaryCall", self.large())

    def client_streaming(self):
        yield self.upload([self.piece(sent) for _, sent in TURNS])

    def server_streaming(self):
        yield self.download([{"size": size} for size, _ in TURNS])

    def ping_pong(self):
        yield self.duplex([self.turn(*sizes) for sizes in TURNS])

    def empty_stream(self):
        yield self.duplex([])

    def custom_metadata(self):
        yield self.unary("UnaryCall", self.large(), metadata=ECHO)
        yield self.duplex([self.turn(314159, 271828)], metadata=ECHO)

    def status_code_and_message(self):
        status = {"code": 2, "message": "test status message"}
        yield self.unary("UnaryCall", self.new("SimpleRequest", response_status=status))
        yield self.duplex([self.new("StreamingOutputCallRequest", response_status=status)])

    def special_status_message(self):
        status = {"code": 2, "message": WHITE}
        yield self.unary("UnaryCall", self.new("SimpleRequest", response_status=status))

    def unimplemented_method(self):
        yield self.unary("UnimplementedCall", self.new("Empty"))

    def unimplemented_service(self):
        name = "grpc.testing.UnimplementedService/UnimplementedCall"
        yield self.unary(name, self.new("Empty"))

    def timeout_on_sleeping_server(self):
        turn = self.new("StreamingOutputCallRequest", payload=zeros(27182))
        yield self.duplex([turn], timeout=0.001)

    def cancel_after_begin(self):
        say = queue.SimpleQueue()
        call = self.stub("StreamingInputCall").future(iter(say.get, None), **self.options())
        call.cancel()
        say.put(None)
        yield seen(call, [])

    def cancel_after_first_response(self):
        yield self.duplex([self.turn(*TURNS[0])], cancel=True)

    def client_compressed_unary(self):
        for expected, compression in ((True, None), (True, GZIP), (False, None)):
            request = self.large(expect_compressed={"value": expected})
            yield self.unary("UnaryCall", request, compression=compression)

    def server_compressed_unary(self):
        for wanted in (True, False):
            yield self.unary("UnaryCall", self.large(response_compressed={"value": wanted}))

    def client_compressed_streaming(self):
        yield self.upload([self.piece(27182, True)])
        # grpcio compresses all messages of a call, but for those that would become larger.
        odd = {"body": random.Random(0).randbytes(45904)}
        pieces = [self.piece(27182, True), self.piece(45904, False, payload=odd)]
        yield self.upload(pieces, compression=GZIP)

    def server_compressed_streaming(self):
        yield self.download(
            [
                {"size": 31415, "compressed": {"value": True}},
                {"size": 92653, "compressed": {"value": False}},
            ]
        )

    def large(self, **more):
        fields = {"response_size": 314159, "payload": zeros(271828), **more}
        return self.new("SimpleRequest", **fields)

    def piece(self, size, expected=None, **more):
        fields = {"payload": zeros(size), **more}
        if expected is not None:
            fields["expect_compressed"] = {"value": expected}
        return self.new("StreamingInputCallRequest", **fields)

    def turn(self, size, sent):
        fields = {"response_parameters": [{"size": size}], "payload": zeros(sent)}
        return self.new("StreamingOutputCallRequest", **fields)

    def unary(self, name, request, **options):
        call = self.stub(name).future(request, **self.options(**options))
        return seen(call, single(call))

    def upload(self, pieces, **options):
        # Not by `future`, which forgets the compression.
        stub = self.stub("StreamingInputCall")
        try:
            answer, call = stub.with_call(iter(pieces), **self.options(**options))
        except grpc.RpcError as error:
            return seen(error, [])
        return seen(call, [received(answer)])

    def download(self, parameters):
        request = self.new("StreamingOutputCallRequest", response_parameters=parameters)
        call = self.stub("StreamingOutputCall")(request, **self.options())
        events = []
        try:
            events.extend(received(answer) for answer in call)
        except grpc.RpcError:
            pass
        return seen(call, events)

    def duplex(self, turns, cancel=False, **options):
        """Sends a message, waits for its answer, and so on; then cancels or half-closes."""
        say, events = queue.SimpleQueue(), []
        requests = iter(say.get, None)
        call = self.stub("FullDuplexCall")(requests, **self.options(**options))
        try:
            for turn in turns:
                say.put(turn)
                events.append(f"sent {len(turn.payload.body)}")
                events.append(received(next(call)))
            if cancel:
                call.cancel()
            say.put(None)
            events.extend(received(answer) for answer in call)
        except (grpc.RpcError, StopIteration):
            pass
        say.put(None)
        return seen(call, events)

    def stub(self, name):
        method = self.contract.method(name if "/" in name else f"{SERVICE}/{name}")
        kinds = (
            (self.channel.unary_unary, self.channel.unary_stream),
            (self.channel.stream_unary, self.channel.stream_stream),
        )
        make = kinds[method.client_streaming][method.server_streaming]
        answer = message_factory.GetMessageClass(method.output_type)
        return make(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )

    def options(self, metadata=(), timeout=20, compression=None):
        return {
            "metadata": self.metadata + metadata,
            "timeout": timeout,
            "compression": compression,
        }


def channel(options):
    # Only the server's own address, whatever the environment says.
    more = [("grpc.enable_http_proxy", 0)]
    if not options.ca:
        return grpc.insecure_channel(options.target, options=more)
    files = (options.ca, options.key, options.cert)
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
    return grpc.secure_channel(options.target, credentials, options=more)


def zeros(size):
    return {"body": bytes(size)}


def single(call):
    """What came of a call of one answer."""
    if call.exception() is not None:
        return []
    return [received(call.result())]


def received(answer):
    fields = answer.DESCRIPTOR.fields_by_name
    if "aggregated_payload_size" in fields:
        return f"aggregated {answer.aggregated_payload_size}"
    if "payload" not in fields:
        return "answered"
    odd = ", not all zero" if any(answer.payload.body) else ""
    return f"received {len(answer.payload.body)}{odd}"


def seen(call, events):
    # Waits for the end.
    trailing = call.trailing_metadata() or ()
    details = next((value for name, value in trailing if name == DETAILS), b"")
    return {
        "code": call.code().value[0],
        "message": call.details() or "",
        "details": text(details),
        "initial": pairs(call.initial_metadata() or ()),
        "trailing": pairs(trailing),
        "events": events,
    }


def pairs(metadata):
    return {
        name: text(value).rstrip("=") if isinstance(value, bytes) else value
        for name, value in metadata
    }


def text(data):
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    main()
