"""Reports: sealed for the admins, closed once, counted; what is refused and by which name."""

from __future__ import annotations

from typing import Any

from router.config.sections import Identity, Server, Settings
from router.edge.mls.reports import CATEGORIES, MAX_PENDING
from tests.edge.house import MLS, SERVICE, House, error_name, open_house, sealed
from tests.edge.mls.circle import Circle, gather
from tests.edge.mls.people import create


async def three(house: House) -> Circle:
    return await gather(house, "alice", "bob", "carol")


async def four(house: House) -> Circle:
    circle = await gather(house, "alice", "bob", "carol", "dora")
    await circle.does("alice", "promoteModerator", targetDid=circle.did("dora"))
    await circle.acts()
    return circle


def about(circle: Circle, name: str = "bob", **more: Any) -> dict[str, Any]:
    return {
        "reportedDid": circle.did(name),
        "category": "spam",
        "encryptedContent": sealed(b"sealed for the admins"),
        "messageIds": ["m1", "m2"],
        **more,
    }


async def test_a_report_goes_to_the_admins_who_close_it_once(house: House) -> None:
    """The example: Carol reports Bob; Alice reads it, puts Bob out and says so."""
    circle = await four(house)
    filed = await circle.does("carol", "reportMember", **about(circle))
    assert filed["submittedAt"] == "2026-05-28T20:26:40Z"
    for admin in ("alice", "dora"):
        (report,) = (await circle.does(admin, "getReports"))["reports"]
        assert report == {
            "id": filed["reportId"],
            "reporterDid": circle.did("carol"),
            "reportedDid": circle.did("bob"),
            "encryptedContent": sealed(b"sealed for the admins"),
            "createdAt": filed["submittedAt"],
            "status": "pending",
            "category": "spam",
            "messageIds": ["m1", "m2"],
        }
    closing = {"reportId": filed["reportId"], "action": "removed_member", "notes": "warned before"}
    assert await circle.refused("alice", "resolveReport", **closing) == "InvalidRequest", "Bob is still in"
    await circle.does("alice", "removeMember", targetDid=circle.did("bob"), idempotencyKey="r")
    house.now += 7_200
    await circle.does("alice", "resolveReport", **closing)
    (report,) = (await circle.does("alice", "getReports", status="resolved"))["reports"]
    assert (report["resolution"], report["notes"], report["resolvedBy"], report["resolvedAt"]) == (
        "removed_member", "warned before", circle.did("alice"), "2026-05-28T22:26:40Z",
    )  # fmt: skip
    assert await circle.refused("alice", "resolveReport", **closing) == "AlreadyResolved"
    assert await circle.acts() == [("member.removed", "alice", "bob"), ("report.resolved", "alice", "bob")]
    assert (await circle.does("alice", "getReports", status="pending"))["reports"] == []


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("carol", {"reportedDid": "carol"}, "CannotReportSelf"),
    ("carol", {"reportedDid": "erin"}, "TargetNotMember"),
    ("erin", {}, "ConvoNotFound"),
    ("carol", {"category": "boring"}, "InvalidRequest"),
    ("carol", {"messageIds": ["m!"]}, "InvalidRequest"),
    ("carol", {"messageIds": ["m"] * 21}, "InvalidRequest"),
    ("carol", {"encryptedContent": sealed(bytes(51_201))}, "InvalidRequest"),
)


async def test_a_report_that_may_not_be_is_refused_and_not_kept(house: House) -> None:
    circle = await three(house)
    for who, change, error in REFUSED:
        given = about(circle, **change)
        if "reportedDid" in change:
            given["reportedDid"] = (await circle.account(change["reportedDid"])).did
        assert await circle.refused(who, "reportMember", **given) == error, change
    await circle.does("bob", "leaveConvo")
    assert await circle.refused("bob", "reportMember", **about(circle, "carol")) == "NotMember"
    assert await circle.refused("carol", "reportMember", **about(circle, "bob")) == "TargetNotMember"
    assert (await circle.does("alice", "getReports"))["reports"] == []


async def test_what_may_be_is_taken_to_the_last_byte(house: House) -> None:
    circle = await three(house)
    most = about(circle, encryptedContent=sealed(bytes(51_200)), messageIds=[f"m{n}" for n in range(20)])
    for category in CATEGORIES:
        await circle.does("carol", "reportMember", **{**most, "category": category})
    least = about(circle, encryptedContent=sealed(b""))
    del least["messageIds"]
    await circle.does("carol", "reportMember", **least)
    assert len((await circle.does("alice", "getReports"))["reports"]) == len(CATEGORIES) + 1


async def test_a_retry_of_a_report_is_one_report_whatever_moved_since(house: House) -> None:
    circle = await three(house)
    given = about(circle, idempotencyKey="k")
    first = await circle.does("carol", "reportMember", **given)
    house.now += 60
    assert (
        await circle.refused("carol", "reportMember", **{**given, "category": "other"})
        == "IdempotencyConflict"
    )
    await circle.does("bob", "leaveConvo")
    assert await circle.does("carol", "reportMember", **given) == first
    await circle.does("carol", "leaveConvo")
    assert await circle.does("carol", "reportMember", **given) == first
    assert len((await circle.does("alice", "getReports"))["reports"]) == 1


async def test_nobody_floods_the_admins(house: House) -> None:
    """One reporter's pending reports are bounded, not the others'; room comes when some are closed."""
    circle = await three(house)
    ids = [
        (await circle.does("carol", "reportMember", **about(circle)))["reportId"] for _ in range(MAX_PENDING)
    ]
    assert await circle.refused("carol", "reportMember", **about(circle)) == "RateLimitExceeded"
    await circle.does("bob", "reportMember", **about(circle, "carol"))
    await circle.does("alice", "resolveReport", reportId=ids[0], action="no_action")
    await circle.does("carol", "reportMember", **about(circle))


async def test_reports_come_in_pages_and_by_status(house: House) -> None:
    circle = await three(house)
    ids = [(await circle.does("carol", "reportMember", **about(circle)))["reportId"] for _ in range(5)]
    await circle.does("alice", "resolveReport", reportId=ids[1], action="dismissed")
    first = await circle.does("alice", "getReports", limit=3)
    rest = await circle.does("alice", "getReports", limit=3, cursor=first["cursor"])
    assert [report["id"] for report in first["reports"] + rest["reports"]] == ids[::-1]
    assert "cursor" not in rest
    for status, wanted in {"dismissed": [ids[1]], "resolved": [], "pending": [*ids[:1], *ids[2:]]}.items():
        found = (await circle.does("alice", "getReports", status=status))["reports"]
        assert [report["id"] for report in found] == wanted[::-1]
    assert await circle.refused("alice", "getReports", status="lost") == "InvalidRequest"
    assert await circle.refused("alice", "getReports", cursor="x") == "InvalidCursor"
    await circle.does("alice", "promoteModerator", targetDid=circle.did("bob"))
    assert await circle.refused("bob", "getReports", cursor=first["cursor"]) == "InvalidCursor", "another's"


async def test_who_is_no_admin_sees_and_closes_none(house: House) -> None:
    """Not who is reported or reports; a moderator sees them and closes none; a stranger learns nothing."""
    circle = await four(house)
    report = (await circle.does("carol", "reportMember", **about(circle)))["reportId"]
    closing = {"reportId": report, "action": "dismissed"}
    for who in ("bob", "carol"):
        assert await circle.refused(who, "getReports") == "NotAdmin"
        assert await circle.refused(who, "resolveReport", **closing) == "NotAdmin"
    assert await circle.refused("dora", "resolveReport", **closing) == "NotAdmin"
    assert await circle.refused("erin", "getReports") == "ConvoNotFound"
    assert await circle.refused("erin", "resolveReport", **closing) == "ReportNotFound"
    assert (
        await circle.refused("alice", "resolveReport", reportId="x", action="dismissed") == "ReportNotFound"
    )
    assert await circle.refused("alice", "resolveReport", reportId=report, action="x") == "InvalidRequest"
    await circle.does("bob", "leaveConvo")
    assert await circle.refused("bob", "getReports") == "NotMember"
    assert await circle.refused("bob", "resolveReport", **closing) == "NotMember"
    assert [act for act in await circle.acts() if act[0] == "report.resolved"] == []


async def test_an_admin_of_one_conversation_closes_none_of_another(house: House) -> None:
    circle = await three(house)
    report = (await circle.does("carol", "reportMember", **about(circle)))["reportId"]
    room = await create(house, circle.phones["bob"], group_id=b"another")
    other = Circle(house, room, circle.phones)
    assert await other.refused("bob", "resolveReport", reportId=report, action="dismissed") == "NotAdmin"


# -- statistics --------------------------------------------------------------------------------------


async def test_the_counts_of_a_conversation_are_for_its_admins(house: House) -> None:
    circle = await four(house)
    empty = (await circle.does("alice", "getAdminStats"))["stats"]
    assert empty["totalReports"] == empty["blockConflictsResolved"] == 0
    assert "averageResolutionTimeHours" not in empty, "nothing was closed, so there is no mean"
    reports = [
        (await circle.does("carol", "reportMember", **about(circle, category=category)))["reportId"]
        for category in ("spam", "hate_speech", "other")
    ]
    house.now += 3_600
    await circle.does("alice", "resolveReport", reportId=reports[0], action="dismissed")
    await circle.does("alice", "removeMember", targetDid=circle.did("bob"), idempotencyKey="r")
    house.now += 3 * 3_600
    await circle.does("alice", "resolveReport", reportId=reports[1], action="removed_member")
    told = await circle.does("alice", "getAdminStats")
    assert (told["convoId"], told["generatedAt"]) == (circle.id, "2026-05-29T00:26:40Z")
    assert told["stats"] == {
        "totalReports": 3,
        "pendingReports": 1,
        "resolvedReports": 2,
        "totalRemovals": 1,
        "blockConflictsResolved": 0,
        "reportsByCategory": {
            "harassment": 0, "spam": 1, "hateSpeech": 1, "violence": 0, "sexualContent": 0,
            "impersonation": 0, "privacyViolation": 0, "otherCategory": 1,
        },
        "averageResolutionTimeHours": 3,
    }  # fmt: skip
    since = await circle.does("alice", "getAdminStats", since="2026-05-28T20:26:41.5Z")
    assert since["stats"]["totalReports"] == 3, "the bucket that the time is in counts"
    later = await circle.does("alice", "getAdminStats", since="2026-05-28T20:26:42Z")
    assert later["stats"]["totalReports"] == 0
    assert await circle.refused("alice", "getAdminStats", since="2026-02-30T00:00:00Z") == "InvalidRequest"
    assert await circle.refused("dora", "getAdminStats") == "NotAuthorized"
    assert await circle.refused("erin", "getAdminStats") == "ConvoNotFound"
    await circle.does("carol", "leaveConvo")
    assert await circle.refused("carol", "getAdminStats") == "NotMember"


async def test_the_counts_of_the_server_are_for_its_operators_alone() -> None:
    """Who they are says the configuration; an admin of a conversation is none, an operator no admin of it."""
    settings = Settings(
        server=Server(body_timeout=5.0), identity=Identity(superadmins=SERVICE.account_did("olga"))
    )
    async with open_house(settings=settings) as house:
        circle = await three(house)
        await circle.does("carol", "reportMember", **about(circle))
        told = await house.get(await house.account("olga"), f"{MLS}.getAdminStats")
        assert told["stats"]["totalReports"] == 1
        assert "convoId" not in told
        answer = await house.send("GET", f"{MLS}.getAdminStats", circle.phones["alice"].account)
        assert error_name(answer) == "NotAuthorized"
        assert await circle.refused("olga", "getAdminStats") == "ConvoNotFound"
