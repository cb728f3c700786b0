"""The judgement: every acknowledged message arrived once and in order on every device, or a list of faults.

The log is read back from the server; it must agree with what was acknowledged, and every device with
the log. Pure, so that the check itself can be checked.
"""

from collections.abc import Mapping, Sequence

import attrs


@attrs.frozen
class Message:
    """A message in clear at its place in the conversation."""

    seq: int
    msg_id: str
    text: str


def judge(
    *,
    acknowledged: Sequence[Message],
    log: Sequence[Message],
    devices: Mapping[str, Sequence[Message]],
) -> list[str]:
    """Every fault as a sentence; an empty list is the proof that was asked for."""
    return [*_log_faults(acknowledged, log), *_device_faults(log, devices)]


def _log_faults(acknowledged: Sequence[Message], log: Sequence[Message]) -> list[str]:
    faults = []
    by_id = {message.msg_id: message for message in log}
    if len(by_id) != len(log):
        faults.append(f"The log has {len(log) - len(by_id)} messages twice.")
    for message in acknowledged:
        found = by_id.get(message.msg_id)
        if found is None:
            faults.append(f"Lost: {message.text!r} was acknowledged as {message.seq} and is not in the log.")
        elif found != message:
            faults.append(f"Changed: {message} was acknowledged, the log has {found}.")
    seqs = [message.seq for message in log]
    if seqs and seqs != list(range(seqs[0], seqs[0] + len(seqs))):
        faults.append("The log has gaps, or is not in order.")
    return faults


def _device_faults(log: Sequence[Message], devices: Mapping[str, Sequence[Message]]) -> list[str]:
    faults = []
    wanted = set(log)
    for device, received in devices.items():
        got = set(received)
        if len(got) != len(received):
            faults.append(f"{device} received {len(received) - len(got)} messages twice.")
        if missing := len(wanted - got):
            faults.append(f"{device} lacks {missing} messages.")
        if strange := len(got - wanted):
            faults.append(f"{device} received {strange} messages that the log does not have.")
        seqs = [message.seq for message in received]
        if seqs != sorted(seqs):
            faults.append(f"{device} received messages out of order.")
    return faults
