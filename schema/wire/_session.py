"""Frames of the `rookery.v1` session: both ends, both formats."""

from typing import TypeVar, cast

import msgspec

from schema.wire import rookery
from schema.wire._codec import octets_from_data, octets_from_json, refusal

T = TypeVar("T")

_client = msgspec.json.Decoder(rookery.SessionClientFrame, dec_hook=octets_from_json).decode
_server = msgspec.json.Decoder(rookery.SessionServerFrame, dec_hook=octets_from_json).decode


def decode_client_frame(text: bytes | str) -> rookery.SessionClientFrame:
    """The frame a client sent as JSON text; InvalidWire, at `$.type` where the frame is not one of ours."""
    try:
        return cast("rookery.SessionClientFrame", _client(text))
    except (ValueError, RecursionError) as problem:
        raise refusal(problem) from problem


def decode_server_frame(text: bytes | str) -> rookery.SessionServerFrame:
    """The frame a server sent as JSON text; InvalidWire for anything else. For clients."""
    try:
        return cast("rookery.SessionServerFrame", _server(text))
    except (ValueError, RecursionError) as problem:
        raise refusal(problem) from problem


def convert_client_frame(data: object) -> rookery.SessionClientFrame:
    """The same for a frame that came as DAG-CBOR and is decoded to data already."""
    return cast("rookery.SessionClientFrame", _convert(data, rookery.SessionClientFrame))


def convert_server_frame(data: object) -> rookery.SessionServerFrame:
    """The same for a frame that came as DAG-CBOR and is decoded to data already. For clients."""
    return cast("rookery.SessionServerFrame", _convert(data, rookery.SessionServerFrame))


def _convert(data: object, frames: object) -> object:
    try:
        return msgspec.convert(data, cast("type[object]", frames), dec_hook=octets_from_data)
    except (ValueError, RecursionError) as problem:
        raise refusal(problem) from problem
