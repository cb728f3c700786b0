"""What every store must do with reports, invites and first contact: a part of `StoreContract`."""

import pytest
import trio
from msgspec.structs import replace

from protocol import TellBlock
from router.store import bounds
from router.store.contacts import (
    ChatRequest,
    Complaint,
    HeldMessage,
    RequestEnded,
    RequestKept,
    RequestPending,
    RequestSettings,
    RequestSettled,
    RequestUnknown,
    SenderBlocked,
    TooManyRequests,
)
from router.store.errors import PoisonRequest
from router.store.interface import Store
from router.store.moderation import (
    Invite,
    InviteKept,
    InviteRevoked,
    InviteUnknown,
    Report,
    ReportAction,
    ReportCounts,
    ReportFiled,
    ReportResolved,
    ReportSettled,
    ReportUnknown,
    TooManyInvites,
    TooManyReports,
)
from router.store.preferences import ConvoSettings
from router.store.values import DEFAULT_RETENTION
from router.testing.store.group_rooms import GroupRoom
from router.testing.store.rooms import NOW, Room, account, devices

ANN, BEN, CAT = account("ann"), account("ben"), account("cat")
DAY = 86_400


async def room_of(store: Store, number: int = 1) -> Room:
    room = Room(store, number)
    await room.create("ann", devices("ann", 1) + devices("ben", 2))
    return room


async def last_acts(store: Store, after: int) -> list[tuple[str, str | None, str | None, str | None]]:
    """Action, actor, subject and detail of the records behind a number."""
    records = [link.read() for link in await store.audit_records(after, limit=99)]
    return [(record.action, record.actor, record.subject, record.detail) for record in records]


def report(room: Room, name: str = "r1", *, by: str = "ben", category: str = "spam", at: int = NOW) -> Report:
    return Report(name, room.id, account(by), CAT, category, b"sealed", ("m1", "m2"), at)


class ReportContract:
    """Filed once, resolved once, counted."""

    async def _resolve(self, store: Store, name: str = "r1", action: ReportAction = "no_action") -> object:
        return await store.resolve_report(name, by=ANN, action=action, notes="seen", now=NOW + 10)

    async def test_a_report_is_filed_and_resolved_once_with_its_record(self, store: Store) -> None:
        room = await room_of(store)
        filed = report(room)
        before = (await store.audit_head()).number
        for _ in range(2):
            assert await store.file_report(filed, max_pending=1) == ReportFiled()
        assert await store.report("r1") == filed
        assert await self._resolve(store, "nope") == ReportUnknown()
        closed = replace(
            filed, status="resolved", resolved_by=ANN, resolved=NOW + 10, action="no_action", notes="seen"
        )
        assert await self._resolve(store) == ReportResolved(closed)
        assert await self._resolve(store, action="dismissed") == ReportSettled(closed)
        assert await store.report("r1") == closed
        assert await last_acts(store, before) == [("report.resolved", ANN, CAT, "no_action")]

    async def test_a_reporter_has_only_so_many_pending_ones(self, store: Store) -> None:
        room, other = await room_of(store), await room_of(store, 2)
        for name in ("r1", "r2"):
            await store.file_report(report(room, name), max_pending=2)
        assert await store.file_report(report(room, "r3"), max_pending=2) == TooManyReports(2)
        assert await store.file_report(report(room, "r4", by="ann"), max_pending=2) == ReportFiled()
        assert await store.file_report(report(other, "r5"), max_pending=2) == ReportFiled()
        await self._resolve(store)
        assert await store.file_report(report(room, "r3"), max_pending=2) == ReportFiled()

    async def test_reports_are_read_in_pages_by_status_and_counted(self, store: Store) -> None:
        room, other = await room_of(store), await room_of(store, 2)
        for number in range(5):
            category = "spam" if number % 2 else "other"
            wanted = report(room, f"r{number}", category=category, at=NOW + 2 * number)
            await store.file_report(wanted, max_pending=9)
        await store.file_report(report(other, "x"), max_pending=9)
        await self._resolve(store, "r0", "removed_member")
        await self._resolve(store, "r1", "dismissed")
        first = await store.reports(room.id, limit=3)
        rest = await store.reports(room.id, before=first.next, limit=3)
        assert [one.id for one in first.reports + rest.reports] == ["r4", "r3", "r2", "r1", "r0"]
        assert rest.next is None
        pending = await store.reports(room.id, status="pending", limit=9)
        assert [one.id for one in pending.reports] == ["r4", "r3", "r2"]
        dismissed = await store.reports(room.id, status="dismissed", limit=9)
        assert [one.id for one in dismissed.reports] == ["r1"]
        assert await store.report_counts(room.id) == ReportCounts(3, 2, 1, {"spam": 2, "other": 3}, 18)
        assert await store.report_counts(room.id, since=NOW + 2) == ReportCounts(
            3, 1, 0, {"spam": 2, "other": 2}, 8
        )
        assert (await store.report_counts()).pending == 4
        assert await store.report_counts(Room(store, 9).id) == ReportCounts(0, 0, 0, {}, 0)
        assert (await store.mls_figures(now=NOW)).reports_pending == 4

    async def test_conflicts_that_were_resolved_are_counted_everywhere(self, store: Store) -> None:
        assert await store.conflicts_resolved() == 0
        for number in (1, 2):
            room = GroupRoom(store, number)
            await room.found("ann", 10 * number + 1)
            await room.let_in(10 * number + 1, "ann", "ben", 10 * number + 2)
            await room.ask(TellBlock(room.id, BEN, BEN, ANN, stands=True))
            assert await store.conflicts_resolved() == number - 1, "it stands"
            await room.ask(TellBlock(room.id, BEN, BEN, ANN, stands=False))
        assert await store.conflicts_resolved() == 2

    async def test_bounds_hold_and_resolved_ones_go_in_time(self, store: Store) -> None:
        room = await room_of(store)
        for bad in (
            replace(report(room), content=bytes(bounds.MAX_REPORT_BYTES + 1)),
            replace(report(room), message_ids=("m",) * (bounds.MAX_REPORT_MESSAGES + 1)),
            report(Room(store, 9)),
        ):
            with pytest.raises(PoisonRequest):
                await store.file_report(bad, max_pending=9)
        for name in ("r1", "r2"):
            await store.file_report(report(room, name), max_pending=9)
        await self._resolve(store)
        await store.expire(NOW + 10 + DEFAULT_RETENTION.report)
        assert await store.report("r1") is None
        assert await store.report("r2") is not None, "nobody has looked at it yet"


class InviteContract:
    """Leave to join, for whom and as often as the admin said."""

    def _invite(self, room: Room, name: str = "i1", **other: object) -> Invite:
        return replace(Invite(name, room.id, ANN, NOW, name.encode().ljust(32, b".")), **other)

    async def _use(self, store: Store, invite: Invite, who: str = "cat", now: int = NOW) -> object:
        return await store.use_invite(invite.conversation, invite.psk_hash, account=account(who), now=now)

    async def test_an_invite_is_kept_used_and_revoked_each_with_its_record(self, store: Store) -> None:
        room = await room_of(store)
        invite = self._invite(room, target=CAT)
        before = (await store.audit_head()).number
        for _ in range(2):
            assert await store.keep_invite(invite, max_open=1) == InviteKept(invite)
        used = replace(invite, uses=1)
        assert await self._use(store, invite) == InviteKept(used)
        assert await store.invite("i1") == used
        revoked = replace(used, revoked=NOW + 2, revoked_by=BEN)
        assert await store.revoke_invite("i1", by=BEN, now=NOW + 2) == InviteKept(revoked)
        assert await store.revoke_invite("i1", by=ANN, now=NOW + 4) == InviteRevoked(revoked)
        assert await store.revoke_invite("nope", by=ANN, now=NOW) == InviteUnknown()
        assert await self._use(store, invite) == InviteUnknown()
        assert await store.invites(room.id) == []
        assert await store.invites(room.id, revoked=True) == [revoked]
        assert await last_acts(store, before) == [
            ("invite.created", ANN, CAT, "i1"),
            ("invite.used", CAT, CAT, "i1"),
            ("invite.revoked", BEN, CAT, "i1"),
        ]

    async def test_an_invite_serves_whom_it_names_in_time_and_as_often_as_it_says(self, store: Store) -> None:
        room, other = await room_of(store), await room_of(store, 2)
        ours = self._invite(room, "named", target=BEN)
        late = self._invite(room, "late", expires=NOW + 60)
        few = self._invite(room, "few", max_uses=2)
        for invite in (ours, late, few):
            await store.keep_invite(invite, max_open=9)
        assert await self._use(store, ours, "cat") == InviteUnknown()
        assert await self._use(store, replace(few, conversation=other.id)) == InviteUnknown()
        assert await self._use(store, late, now=NOW + 60) == InviteUnknown()
        served: list[bool] = []

        async def use() -> None:
            served.append(isinstance(await self._use(store, few), InviteKept))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(use)
        assert served.count(True) == 2, "of five at once"

    async def test_only_so_many_serve_at_a_time_and_dead_ones_go(self, store: Store) -> None:
        room = await room_of(store)
        for number in range(2):
            await store.keep_invite(self._invite(room, f"i{number}", expires=NOW + 10), max_open=2)
        assert await store.keep_invite(self._invite(room, "i2"), max_open=2) == TooManyInvites(2)
        await store.revoke_invite("i0", by=ANN, now=NOW)
        await store.keep_invite(self._invite(room, "i2"), max_open=2)
        with pytest.raises(PoisonRequest):
            await store.keep_invite(replace(self._invite(room), psk_hash=b"short"), max_open=9)
        with pytest.raises(PoisonRequest):
            await store.keep_invite(self._invite(Room(store, 9)), max_open=9)
        await store.expire(NOW + 10 + DEFAULT_RETENTION.ended)
        assert [invite.id for invite in await store.invites(room.id, revoked=True)] == ["i2"]


def request(
    name: str = "q1", *, sender: str = "ben", recipient: str = "ann", expires: int = NOW + DAY
) -> ChatRequest:
    return ChatRequest(name, account(sender), account(recipient), NOW, expires, "hello", "aa")


HELD = (HeldMessage(b"one", b"key"), HeldMessage(b"two"))


class ContactContract:
    """First contact: opt-in, settings, requests."""

    async def test_who_wants_to_be_reached_says_so_and_takes_it_back(self, store: Store) -> None:
        assert await store.opt_in(ANN, now=NOW) == NOW
        assert await store.opt_in(ANN, now=NOW + 9) == NOW
        assert await store.opted_in([ANN, BEN, ANN]) == {ANN: NOW}
        assert (await store.opt_out(ANN), await store.opt_out(ANN)) == (True, False)
        assert await store.opted_in([ANN]) == {}

    async def test_settings_have_defaults_and_bounds(self, store: Store) -> None:
        assert await store.request_settings(ANN) == RequestSettings()
        wanted = RequestSettings(allow_followers=False, allow_following=True, expire_days=30)
        await store.set_request_settings(ANN, wanted)
        assert (await store.request_settings(ANN), await store.request_settings(BEN)) == (
            wanted,
            RequestSettings(),
        )
        for days in (0, 31):
            with pytest.raises(PoisonRequest):
                await store.set_request_settings(ANN, replace(wanted, expire_days=days))

    async def _put(self, store: Store, wanted: ChatRequest, now: int = NOW, most: int = 3) -> object:
        return await store.put_chat_request(wanted, HELD, now=now, max_pending=most)

    async def test_a_request_is_accepted_with_what_was_held_for_it_as_often_as_asked(
        self, store: Store
    ) -> None:
        room = await room_of(store)
        assert await self._put(store, request()) == RequestKept()
        kept = replace(request(), held=2)
        assert await store.chat_request("q1", now=NOW) == kept

        async def accept(who: str = "ann", name: str = "q1") -> object:
            return await store.settle_chat_request(
                account(who), name, "accepted", conversation=room.id, now=NOW + 2
            )

        assert await accept("ben") == RequestUnknown()
        assert await accept(name="q2") == RequestUnknown()
        settled = replace(kept, status="accepted", settled=NOW + 2, preview=None, conversation=room.id)
        assert await accept() == RequestSettled(settled, HELD)
        assert await accept() == RequestSettled(settled, HELD), "the first answer may be lost"
        assert await store.settle_chat_request(ANN, "q1", "declined", now=NOW) == RequestEnded(settled)
        assert await store.chat_request("q1", now=NOW) == settled
        await store.expire(NOW + 2 + DEFAULT_RETENTION.ended)
        assert await accept() == RequestUnknown(), "and what was held went with it"

    async def test_between_two_accounts_one_is_pending_and_of_all_only_so_many(self, store: Store) -> None:
        await self._put(store, request())
        assert await self._put(store, request("q2")) == RequestPending(replace(request(), held=2))
        for number in range(2):
            assert await self._put(store, request(f"x{number}", sender=f"s{number}")) == RequestKept()
        assert await self._put(store, request("q3", sender="cat")) == TooManyRequests(3)
        assert await store.count_chat_requests(ANN, now=NOW) == (3, NOW)
        await store.settle_chat_request(ANN, "q1", "declined", now=NOW)
        assert await self._put(store, request("q2")) == RequestKept()
        with pytest.raises(PoisonRequest):
            await self._put(store, request("q2", sender="dan"), most=9)

    async def test_a_request_whose_time_is_over_reads_so_at_once_and_goes_later(self, store: Store) -> None:
        await self._put(store, request())
        late = NOW + DAY
        read = await store.chat_request("q1", now=late)
        assert read is not None
        assert read.status == "expired"
        assert await store.count_chat_requests(ANN, now=late) == (0, None)
        ended = await store.settle_chat_request(ANN, "q1", "accepted", now=late)
        assert isinstance(ended, RequestEnded)
        assert await self._put(store, request("q2", expires=late + DAY), now=late) == RequestKept()
        page = await store.chat_requests(ANN, status="expired", now=late, limit=9)
        assert [one.id for one in page.requests] == ["q1"]
        assert (await store.expire(late)).requests == 1
        assert (await store.expire(late + DEFAULT_RETENTION.ended)).ended == 1
        assert await store.chat_request("q1", now=late) is None

    async def test_requests_are_read_in_pages_by_status(self, store: Store) -> None:
        for number in range(5):
            await self._put(store, request(f"q{number}", sender=f"s{number}"), most=9)
        await store.settle_chat_request(ANN, "q3", "declined", now=NOW)
        first = await store.chat_requests(ANN, now=NOW, limit=3)
        rest = await store.chat_requests(ANN, before=first.next, now=NOW, limit=3)
        assert [one.id for one in first.requests + rest.requests] == ["q4", "q3", "q2", "q1", "q0"]
        pending = await store.chat_requests(ANN, status="pending", now=NOW, limit=9)
        assert [one.id for one in pending.requests] == ["q4", "q2", "q1", "q0"]
        assert (await store.chat_requests(BEN, now=NOW, limit=9)).requests == []

    async def test_who_is_blocked_asks_in_vain_until_he_is_not(self, store: Store) -> None:
        await self._put(store, request())
        outcome = await store.settle_chat_request(ANN, "q1", "blocked", now=NOW)
        assert isinstance(outcome, RequestSettled)
        assert (outcome.request.status, outcome.held) == ("blocked", ())
        assert await self._put(store, request("q2")) == SenderBlocked()
        assert await self._put(store, request("q3", recipient="cat")) == RequestKept()
        assert await store.block_sender(CAT, BEN, now=NOW) == 1
        assert await store.block_sender(CAT, BEN, now=NOW) == 0
        assert (await store.unblock_sender(ANN, BEN), await store.unblock_sender(ANN, BEN)) == (True, False)
        assert await self._put(store, request("q4")) == RequestKept()

    async def test_what_operators_are_told_is_kept_once_for_each_two(self, store: Store) -> None:
        """A recipient who complains every day is one complaint, the last."""
        spam = Complaint(ANN, BEN, "spam", "again and again", NOW)
        worse = replace(spam, reason="harassment", details=None, made=NOW + 2)
        other = Complaint(CAT, BEN, "other", None, NOW + 2)
        await self._put(store, request())
        assert (
            await store.settle_chat_request(BEN, "q1", "declined", complaint=spam, now=NOW)
            == RequestUnknown()
        )
        assert (await store.complaints(limit=9)).complaints == [], "only who was asked complains"
        await store.settle_chat_request(ANN, "q1", "declined", complaint=spam, now=NOW)
        await store.settle_chat_request(ANN, "q1", "declined", complaint=worse, now=NOW)
        assert (await store.complaints(limit=9)).complaints == [spam], "what settles nothing tells nothing"
        await store.block_sender(CAT, BEN, complaint=other, now=NOW + 2)
        await store.block_sender(ANN, BEN, complaint=worse, now=NOW + 2)
        first = await store.complaints(limit=1)
        rest = await store.complaints(before=first.next, limit=1)
        assert (first.complaints, rest.complaints, rest.next) == ([worse], [other], None)
        await store.expire(NOW + 1 + DEFAULT_RETENTION.report)
        assert len((await store.complaints(limit=9)).complaints) == 2
        await store.expire(NOW + 2 + DEFAULT_RETENTION.report)
        assert (await store.complaints(limit=9)).complaints == []
        with pytest.raises(PoisonRequest):
            await store.block_sender(ANN, BEN, complaint=replace(spam, details="x" * 501), now=NOW)

    async def test_sizes_are_bounded(self, store: Store) -> None:
        for wanted, held in (
            (request(), (HeldMessage(b"x"),) * (bounds.MAX_HELD + 1)),
            (request(), (HeldMessage(bytes(bounds.MAX_HELD_BYTES + 1)),)),
            (replace(request(), preview="x" * (bounds.MAX_PREVIEW + 1)), ()),
        ):
            with pytest.raises(PoisonRequest):
                await store.put_chat_request(wanted, held, now=NOW, max_pending=9)


class PreferenceContract:
    """What an account wants of its conversations."""

    async def test_an_account_has_settings_for_each_conversation(self, store: Store) -> None:
        room, other = await room_of(store), await room_of(store, 2)
        quiet = ConvoSettings(muted=True)
        await store.set_convo_settings(ANN, room.id, quiet)
        assert await store.convo_settings(ANN, room.id) == quiet
        assert await store.convo_settings(ANN, other.id) == ConvoSettings()
        assert await store.convo_settings(BEN, room.id) == ConvoSettings()
        await store.set_convo_settings(ANN, room.id, ConvoSettings())
        assert await store.convo_settings(ANN, room.id) == ConvoSettings()
        nowhere = Room(store, 9).id
        assert await store.convo_settings(ANN, nowhere) == ConvoSettings()
        with pytest.raises(PoisonRequest):
            await store.set_convo_settings(ANN, nowhere, quiet)


class ModerationContract(ReportContract, InviteContract, ContactContract, PreferenceContract):
    """Everything of this file."""
