"""The index of attacks is true: every test it names exists, and every defence is still where it was."""

import ast
from pathlib import Path

import pytest

from tests.attacks.defences import ATTACKS, Attack

TESTS = Path(__file__).parents[1]
PROMISED = {
    "replay, same process", "replay, other process",
    "replay, after the time a fixed memory lasts but before `exp`", "mix-up (OpenID Connect, RFC 9207)",
    "wrong nonce", "expired state", "code reuse", "login CSRF", "token of another endpoint", "high-S",
    "`alg` confusion", "`kid` pointing at another key", "key rotation under load",
    "DNS rebinding against the resolver", "refresh-storm brake", "X-Forwarded-For spoofing",
    "limiter memory under a million keys", "slow-loris headers", "slow-loris bodies",
    "10,000 half-open connections",
}  # fmt: skip


def defined(node: str) -> bool:
    """Whether `file.py::Class::test` or `file.py::test` is there."""
    file, *names = node.split("::")
    body = ast.parse((TESTS / file).read_text()).body
    for name in names:
        found = [
            each
            for each in body
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and each.name == name
        ]
        if not found:
            return False
        body = found[0].body
    return True


def test_no_attack_is_missing() -> None:
    assert {attack.name for attack in ATTACKS} == PROMISED
    readme = (Path(__file__).parent / "README.md").read_text()
    for attack in ATTACKS:
        assert attack.name in readme
        for test in attack.tests:
            assert test.rpartition("::")[2] in readme, f"{attack.name}: {test}"


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_names_what_is_there(attack: Attack) -> None:
    for test in attack.tests:
        assert defined(test), test
    assert attack.removals
    for removal in attack.removals:
        text = (TESTS.parent / removal.file).read_text()
        assert text.count(removal.old) == 1, f"{removal.file}: {removal.old!r}"
        assert removal.old != removal.new
