"""What goes over the control socket: one line of JSON asks, one or more lines answer.

```
→ {"command":"account.create","arguments":{"name":"ada"}}
← {"type":"result","value":{...}}

→ {"command":"watch"}
← {"type":"item","value":{...}}     any number of them, for a command that streams
← {"type":"end"}

← {"type":"error","error":"NameTaken","message":"There is an account with this name."}
```

One connection carries one request. Both ends are the same release of the same program, so an unknown
field is an error.
"""

import msgspec

MAX_REQUEST_BYTES = 1_048_576
MAX_ANSWER_BYTES = 64 * 1_048_576


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command by name, its arguments still undecoded."""

    command: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class Result(msgspec.Struct, frozen=True, tag="result", forbid_unknown_fields=True):
    """The one answer of a command that does not stream."""

    value: msgspec.Raw


class Item(msgspec.Struct, frozen=True, tag="item", forbid_unknown_fields=True):
    """One of several answers."""

    value: msgspec.Raw


class End(msgspec.Struct, frozen=True, tag="end", forbid_unknown_fields=True):
    """There are no further items."""


class Failure(msgspec.Struct, frozen=True, tag="error", forbid_unknown_fields=True):
    """It was not done, and why: a name for programs, a sentence for people."""

    error: str
    message: str


Answer = Result | Item | End | Failure


def encode_line(value: Request | Answer) -> bytes:
    """One line of JSON; JSON text holds no raw line break, so the line break ends it."""
    return msgspec.json.encode(value) + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a request; raises `msgspec.MsgspecError` or `UnicodeDecodeError` for anything else."""
    return msgspec.json.decode(line, type=Request)


def decode_answer(line: bytes) -> Answer:
    """Read an answer; raises `msgspec.MsgspecError` or `UnicodeDecodeError` for anything else."""
    answer: Answer = msgspec.json.decode(line, type=Answer)
    return answer
