"""Rate limits as a client meets them: over calls, streams and sessions, for strangers, and behind proxies."""

from __future__ import annotations

import json
import math

import attrs
import httpx
import pytest

from protocol import AccountDid
from router.config import Rates, Server, Settings
from router.edge.errors import Refusal
from router.edge.routes import ROUTES, Transport
from router.identity.keys import AccountKey
from router.limits import Ask
from tests.edge.harness import read_all
from tests.edge.house import MLS, NOW, ROOKERY, Account, House, error_name, frames_of, open_house, padded
from tests.edge.principals import call, refused, signed
from tests.edge.test_routes import example
from tests.edge.test_session import Client
from tests.generous import RATES

SERVER = Server(body_timeout=5.0)
GET_CONVOS = f"{ROOKERY}.getConvos"


def limited(server: Server = SERVER, **rates: int) -> Settings:
    """Settings in which these classes are tight and all others wide."""
    return Settings(server=server, rate=attrs.evolve(RATES, **rates))


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith(("ratelimit", "retry"))}


async def test_an_answer_says_what_is_left_and_a_refusal_when_to_come_back() -> None:
    """The example. The bucket of two fills again within a minute: one request after 30 s."""
    async with open_house(settings=limited(read=2)) as house:
        alice = await house.account("alice")
        answers = [await house.send("GET", GET_CONVOS, alice) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        policy = {"ratelimit-limit": "2", "ratelimit-policy": "2;w=60"}
        now = NOW
        for answer, left, wait in zip(answers, ("1", "0", "0"), (30, 60, 60), strict=True):
            shown = told(answer)
            reset = int(shown.pop("ratelimit-reset"))
            assert reset in (math.ceil(now + wait), math.ceil(now + wait) - 1)
            retry = {"retry-after": "30"} if answer.status_code == 429 else {}
            assert shown == {**policy, "ratelimit-remaining": left, **retry}
        refused = answers[-1].json()
        assert refused["error"] == "RateLimitExceeded"
        assert refused["message"].endswith("Try again in 30 s.")
        house.now += 30
        assert (await house.send("GET", GET_CONVOS, alice)).status_code == 200
        assert (await house.send("GET", GET_CONVOS, await house.account("bob"))).status_code == 200


async def test_every_row_of_the_table_is_counted_before_its_body_is_read() -> None:
    """A walk: the second call of each row is refused although its body never comes."""
    everything = {field.name: 1 for field in attrs.fields(Rates) if field.name != "max_keys"}
    everything["failed_auth"] = 1_000
    async with open_house(settings=Settings(server=SERVER, rate=Rates(**everything))) as house:
        for number, route in enumerate(ROUTES.values()):
            account = await house.account(f"account{number}")
            statuses = []
            for _ in range(2):
                if route.transport in (Transport.CALL, Transport.SSE):
                    statuses.append(await _raw_call(house, route.http_method, route.nsid, account))
                else:
                    statuses.append(await _raw_upgrade(house, route.nsid, account))
            assert statuses[0] != 429, route.nsid
            assert statuses[1] == 429, route.nsid


async def test_a_disabled_account_is_counted_itself_and_shuts_out_nobody_at_its_address() -> None:
    """A PDS has thousands behind one address: one of them, disabled and trying on, shut out all others."""
    async with open_house(settings=limited(failed_auth=2, read=3)) as house:
        ann, ben = await house.account("ann"), await house.account("ben")
        house.edge.revocations.suspend(AccountDid(ann.did))
        refused = [await house.send("GET", GET_CONVOS, ann) for _ in range(4)]
        assert [error_name(each) for each in refused] == ["AccountDisabled"] * 3 + ["RateLimitExceeded"]
        assert told(refused[0])["ratelimit-remaining"] == "2"
        assert (await house.send("GET", GET_CONVOS, ben)).status_code == 200


async def test_a_name_that_waits_is_told_as_every_429_tells() -> None:
    async with open_house() as house:
        ann, ben = await house.account("ann"), await house.account("ben")
        forger = Account("ben", AccountKey(AccountDid(ann.did), ben.key.private))
        answers = [await house.send("GET", GET_CONVOS, forger) for _ in range(6)]
        assert [error_name(each) for each in answers] == ["BadJwtSignature"] * 5 + ["RateLimitExceeded"]
        assert told(answers[-1]) == {
            "ratelimit-limit": "1",
            "ratelimit-remaining": "0",
            "ratelimit-policy": "1;w=2",
            "ratelimit-reset": str(math.ceil(NOW + 2)),
            "retry-after": "2",
        }
        assert answers[-1].json()["message"].endswith("Try again in 2 s.")


async def test_a_revoked_device_that_tries_on_locks_out_no_other_of_its_account() -> None:
    async with open_house() as house:
        ann = await house.account("ann")
        old, new = await house.device(ann, 1), await house.device(ann, 2)
        await house.post(ann, f"{ROOKERY}.revokeDevice", {"deviceId": old})
        names = [
            await refused(house, GET_CONVOS, signed(house, ann, old, GET_CONVOS, 1), {}, "GET")
            for _ in "123456"
        ]
        assert names == ["UntrustedIss"] * 5 + ["RateLimitExceeded"]
        assert (
            await call(house, GET_CONVOS, signed(house, ann, new, GET_CONVOS, 2), {}, "GET")
        ).status_code == 200


async def _raw_call(house: House, method: str, nsid: str, account: Account) -> int:
    """The status of a call of which only the head is sent: its body is announced and never comes."""
    stream = await house.server.connect()
    head = f"{method} /xrpc/{nsid} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    head += f"authorization: Bearer {house.token(account, nsid)}\r\n"
    if method == "POST":
        body = json.dumps(example(ROUTES[nsid])).encode()
        spent = not house.edge.admission.quotas.look(Ask(ROUTES[nsid].quota, account.did.encode())).allowed
        head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        data = head.encode() + b"\r\n" + (b"" if spent else body)
    else:
        data = head.encode() + b"\r\n"
    async with stream:
        await stream.send_all(data)
        answer = await stream.receive_some(65_536)
    return int(answer.split()[1])


async def _raw_upgrade(house: House, nsid: str, account: Account) -> int:
    stream = await house.server.connect()
    head = f"GET /xrpc/{nsid} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    head += "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    head += (
        f"sec-websocket-protocol: rookery.v1\r\nauthorization: Bearer {house.token(account, nsid)}\r\n\r\n"
    )
    async with stream:
        await stream.send_all(head.encode())
        answer = await stream.receive_some(65_536)
    return int(answer.split()[1])


async def test_both_families_and_a_session_are_counted_together() -> None:
    async with open_house(settings=limited(send=3)) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        await house.say(alice, convo, "over-http")
        async with house.session(alice) as socket:
            client = Client(socket)
            await client.open(credit=1)
            assert await client.hear_events(1) == ["convoEvent"]
            for number in range(5):
                await client.send(number, convo, f"m{number}")
            heard = [await client.hear() for _ in range(5)]
            kinds = {frame["id"]: frame["type"] for frame in heard}
            assert kinds == {0: "ack", 1: "ack", 2: "error", 3: "error", 4: "error"}
            for frame in heard:
                if frame["type"] == "error":
                    assert frame["error"] == "RateLimitExceeded"
                    assert frame["message"].endswith("Try again in 20 s.")
                    assert 19 < frame["retryAfter"] <= 20
        mls = {**example(ROUTES[f"{MLS}.sendMessage"]), "convoId": convo}
        answer = await house.send("POST", f"{MLS}.sendMessage", alice, json=mls)
        assert error_name(answer) == "RateLimitExceeded"
        house.now += 20
        await house.say(alice, convo, "m2")
        assert (await house.get(alice, f"{ROOKERY}.getMessages", convoId=convo))["lastSeq"] == 5


async def test_a_refused_send_may_be_sent_again_with_the_same_bytes() -> None:
    async with open_house(settings=limited(send=1)) as house:
        convo = await house.group("alice")
        alice = house.accounts["alice"]
        await house.say(alice, convo, "first")
        body = {"convoId": convo, "msgId": "second", "ciphertext": padded(b"second")}
        assert error_name(await house.send("POST", f"{ROOKERY}.sendMessage", alice, json=body)) == (
            "RateLimitExceeded"
        )
        house.now += 60
        assert (await house.post(alice, f"{ROOKERY}.sendMessage", body))["seq"] == 3


# -- strangers -----------------------------------------------------------------------------------------


async def test_an_address_that_fails_too_often_is_refused_before_its_token_is_looked_at() -> None:
    async with open_house(settings=limited(failed_auth=3)) as house:
        alice = await house.account("alice")
        bad = [
            {},
            {"authorization": "Bearer e30.e30.AAAA"},
            {"authorization": f"Bearer {house.token(alice, f'{ROOKERY}.sendMessage')}"},
        ]
        for headers in bad:
            answer = await house.send("GET", GET_CONVOS, headers=headers)
            assert answer.status_code == 401
            assert "ratelimit-limit" not in answer.headers, (
                "a stranger learns nothing of limits before they bind"
            )
        answer = await house.send("GET", GET_CONVOS, headers=bad[1])
        assert error_name(answer) == "RateLimitExceeded"
        assert told(answer)["retry-after"] == "20"
        assert error_name(await house.send("GET", GET_CONVOS, alice)) == "RateLimitExceeded"
        house.now += 20
        assert (await house.send("GET", GET_CONVOS, alice)).status_code == 200


async def test_good_tokens_do_not_use_up_an_address() -> None:
    async with open_house(settings=limited(failed_auth=2)) as house:
        alice = await house.account("alice")
        for _ in range(10):
            assert (await house.send("GET", GET_CONVOS, alice)).status_code == 200


@pytest.mark.parametrize("spoofed", ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip"])
async def test_no_header_gives_a_stranger_a_fresh_bucket(spoofed: str) -> None:
    async with open_house(settings=limited(failed_auth=3)) as house:
        statuses = [
            (await house.send("GET", GET_CONVOS, headers={spoofed: f"203.0.113.{number}"})).status_code
            for number in range(5)
        ]
        assert statuses == [401, 401, 401, 429, 429]


async def test_behind_a_proxy_each_client_has_its_own_and_cannot_leave_it() -> None:
    proxied = Server(trusted_proxies="127.0.0.0/8", body_timeout=5.0)
    async with open_house(settings=limited(proxied, failed_auth=2)) as house:

        async def ask(*addresses: str) -> int:
            headers = {"x-forwarded-for": ", ".join(addresses)}
            return (await house.send("GET", GET_CONVOS, headers=headers)).status_code

        assert [await ask(f"198.51.100.{each}", "203.0.113.1") for each in range(4)] == [401, 401, 429, 429]
        assert await ask("203.0.113.2") == 401
        assert [await ask(f"2001:db8::{each}") for each in range(3)] == [401, 401, 429], (
            "one /64 is one client"
        )
        assert await ask("2001:db8:0:1::1") == 401


# -- targets -------------------------------------------------------------------------------------------


async def test_what_is_taken_from_one_account_is_limited_whoever_takes_it() -> None:
    async with open_house(settings=limited(claim_key_package=2)) as house:
        bob, carol = AccountDid("did:web:bob.example"), AccountDid("did:web:carol.example")
        take = house.edge.admission.take_key_packages
        take([])
        take([bob])
        take([bob])
        with pytest.raises(Refusal) as refused:
            take([carol, bob])
        assert (refused.value.error, refused.value.wait) == ("RateLimitExceeded", 30)
        take([carol])
        take([carol])
        with pytest.raises(Refusal):
            take([carol])


# -- what is told of it --------------------------------------------------------------------------------


async def test_a_debug_line_has_a_pseudonym_and_the_metric_the_class() -> None:
    async with open_house(settings=limited(read=1, failed_auth=1), debug=True) as house:
        alice = await house.account("alice")
        for _ in range(3):
            await house.send("GET", GET_CONVOS, alice)
        for _ in range(2):
            await house.send("GET", GET_CONVOS)
        lines = frames_of(house.log.getvalue())
        limited_lines = [line for line in lines if line["event"] == "rate_limited"]
        assert [line["quota"] for line in limited_lines] == ["read", "read", "failedAuth"]
        assert limited_lines[0]["who"] == limited_lines[1]["who"] != limited_lines[2]["who"]
        (refused,) = [line for line in lines if line["event"] == "token_refused"]
        assert refused["who"] == limited_lines[2]["who"], "one address, one pseudonym"
        assert alice.did not in house.log.getvalue()
        assert "127.0.0.1" not in house.log.getvalue()


async def test_a_refusal_by_a_limit_leaves_the_connection_usable_for_a_query() -> None:
    async with open_house(settings=limited(read=1)) as house:
        alice = await house.account("alice")
        async with await house.server.connect() as stream:
            for ending in ("", "", "connection: close\r\n"):
                head = f"GET /xrpc/{GET_CONVOS} HTTP/1.1\r\nhost: x\r\n{ending}"
                head += f"authorization: Bearer {house.token(alice, GET_CONVOS)}\r\n\r\n"
                await stream.send_all(head.encode())
            answers = (await read_all(stream)).split(b"HTTP/1.1 ")[1:]
        assert [int(answer[:3]) for answer in answers] == [200, 429, 429]
