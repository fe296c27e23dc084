#!/usr/bin/env python3
"""Makes calls with grpcio, one for each line of JSON on standard input, until there is none.

    {"target", "ca", "cert", "key", "method", "kind": "unary|client|server|bidi",
     "metadata": [[name, value]], "messages": [base64], "timeout": seconds, "keep_open": bool}

`cert` and `key` may be null, as may `timeout`. A value of a name that ends in `-bin` is base64.
With `keep_open` the requests do not end after the messages, but when the call does. For each call
one line is printed:

    {"code", "message", "reason", "domain", "details_b64", "metadata", "trailers", "messages"}
"""

import base64
import json
import pathlib
import sys
import threading

import grpc
from google.rpc import error_details_pb2, status_pb2

# Only the server's own address, whatever the environment says.
OPTIONS = [("grpc.enable_http_proxy", 0)]
DETAILS = "grpc-status-details-bin"


def main():
    channels = {}
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(answer(channel(channels, asked), asked)), flush=True)


def channel(channels, asked):
    at = tuple(asked[name] for name in ("target", "ca", "cert", "key"))
    if at not in channels:
        target, *files = at
        ca, cert, key = (name and pathlib.Path(name).read_bytes() for name in files)
        credentials = grpc.ssl_channel_credentials(ca, key, cert)
        channels[at] = grpc.secure_channel(target, credentials, options=OPTIONS)
    return channels[at]


def answer(channel, asked):
    ended = threading.Event()
    messages, received = [base64.b64decode(text) for text in asked["messages"]], []
    options = {
        "timeout": asked["timeout"],
        "metadata": [(name, raw(name, value)) for name, value in asked["metadata"]],
    }
    path, kind = "/" + asked["method"], asked["kind"]
    one = messages[0] if messages else b""
    many = requests(messages, ended if asked["keep_open"] else None)
    # Without serializers grpcio takes and gives bytes.
    try:
        if kind == "unary":
            call = channel.unary_unary(path).future(one, **options)
            received.append(call.result())
        elif kind == "client":
            call = channel.stream_unary(path).future(many, **options)
            received.append(call.result())
        elif kind == "server":
            call = channel.unary_stream(path)(one, **options)
            keep(call, received)
        else:
            call = channel.stream_stream(path)(many, **options)
            keep(call, received)
    except grpc.RpcError as error:
        call = error
    except grpc.FutureCancelledError:
        pass
    finally:
        ended.set()
    return outcome(call, received)


def keep(call, received):
    """Keeps each message as it comes: the call may yet end with a refusal."""
    for message in call:
        received.append(message)


def requests(messages, ended):
    yield from messages
    if ended is not None:
        ended.wait()


def outcome(call, received):
    trailers = call.trailing_metadata() or ()
    details = next((value for name, value in trailers if name == DETAILS), b"")
    info = error_info(details)
    return {
        "code": call.code().value[0],
        "message": call.details() or "",
        "reason": info.reason,
        "domain": info.domain,
        "details_b64": text(details),
        "metadata": pairs(call.initial_metadata() or ()),
        "trailers": pairs(trailers),
        "messages": [text(message) for message in received],
    }


def error_info(details):
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
            break
    return info


def pairs(metadata):
    shown = (lambda value: text(value).rstrip("=") if isinstance(value, bytes) else value)
    return [[name, shown(value)] for name, value in metadata if name != DETAILS]


def raw(name, value):
    return base64.b64decode(value) if name.endswith("-bin") else value


def text(data):
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    main()
