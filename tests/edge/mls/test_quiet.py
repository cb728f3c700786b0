"""What people do to each other is in the audit, which the operator guards, and in no line of the log."""

from __future__ import annotations

from tests.edge.house import frames_of, open_house, sealed
from tests.edge.mls.circle import gather


async def test_no_line_of_the_log_names_who_was_promoted_warned_reported_invited_or_asked() -> None:
    """Each act once, accepted and refused, with everything switched on that writes."""
    async with open_house(debug=True) as house:
        circle = await gather(house, "alice", "bob", "carol")
        bob, carol = {"targetDid": circle.did("bob")}, circle.did("carol")
        for _ in range(2):
            await circle.call("alice", "promoteAdmin", **bob)
            await circle.call("alice", "demoteAdmin", **bob)
        await circle.does("alice", "updatePolicy", allowMemberAdd=False)
        warned = await circle.does("alice", "warnMember", memberDid=carol, reason="shouting")
        about = {"reportedDid": carol, "category": "spam", "encryptedContent": sealed(b"nothing to see")}
        report = (await circle.does("bob", "reportMember", **about))["reportId"]
        closing = {"reportId": report, "action": "dismissed", "notes": "nonsense"}
        for who in ("bob", "alice", "alice"):
            await circle.call(who, "resolveReport", **closing)
        invite = (await circle.does("alice", "createInvite", pskHash="ab" * 32, **bob))["inviteId"]
        for who in ("bob", "alice", "alice"):
            await circle.call(who, "revokeInvite", inviteId=invite)
        asked = {
            "recipientDid": carol,
            "previewText": "hello there",
            "isGroupInvite": True,
            "groupId": "c0ffee",
        }
        for _ in range(2):
            await circle.call("alice", "sendChatRequest", **asked)
        (request,) = (await circle.does("carol", "listChatRequests"))["requests"]
        complaint = {"reportReason": "spam", "reportDetails": "again"}
        for _ in range(2):
            await circle.call("carol", "declineChatRequest", requestId=request["id"], **complaint)

        written = house.log.getvalue()
        methods = {frame.get("method", "").rpartition(".")[2] for frame in frames_of(written)}
        assert methods >= {"promoteAdmin", "warnMember", "reportMember", "createInvite", "sendChatRequest"}
        for secret in (
            *map(circle.did, circle.phones), circle.id, warned["warningId"], report, invite, request["id"],
            "shouting", "nothing to see", "nonsense", "ab" * 32, "hello there", "c0ffee", "again",
        ):  # fmt: skip
            assert secret not in written, secret
