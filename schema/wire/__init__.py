"""Wire types of every method, generated from the lexicons, and the codecs between them and bytes.

`mls`, `mls_chat`, `rookery` and `rookery_mls` hold the types, a family each; `METHODS` says
which a method takes and gives.
"""

from schema._problems import InvalidWire
from schema.wire import mls, mls_chat, rookery, rookery_mls
from schema.wire._base import AtUri, Cid, Datetime, Did, Method, NsidText, Octets, Uri, Wire, given
from schema.wire._codec import convert, decode, decode_query, encode, json_decoder, plain, refusal
from schema.wire._methods import METHODS
from schema.wire._session import (
    convert_client_frame,
    convert_server_frame,
    decode_client_frame,
    decode_server_frame,
)

__all__ = [
    "METHODS",
    "AtUri",
    "Cid",
    "Datetime",
    "Did",
    "InvalidWire",
    "Method",
    "NsidText",
    "Octets",
    "Uri",
    "Wire",
    "convert",
    "convert_client_frame",
    "convert_server_frame",
    "decode",
    "decode_client_frame",
    "decode_query",
    "decode_server_frame",
    "encode",
    "given",
    "json_decoder",
    "mls",
    "mls_chat",
    "plain",
    "refusal",
    "rookery",
    "rookery_mls",
]
