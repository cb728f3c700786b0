"""The rows of everything MLS: the seed contract, what later contracts added to it, and ours.

Who may do what inside a conversation (its admins and moderators, their policy) is not judged here but where
the conversation is known; `unbuilt` marks what this server does not do yet.
"""

from __future__ import annotations

from typing import Final

from router.edge import handlers_ticket as ticket
from router.edge.mls import (
    additions,
    blocks,
    contact,
    devices,
    groups,
    groups_create,
    groups_info,
    groups_reset,
    invites,
    keypackages,
    messages,
    proposals,
    reading,
    rejoin,
    reports,
    requests,
    roles,
    settings,
    welcomes,
)
from router.edge.mls import keypackages_told as told
from router.edge.rows import MEMBERS, WHOLE, Auth, Idempotency, Transport
from router.edge.rows import call_row as _call
from router.edge.rows import stream_row as _stream

_MLS: Final = "blue.catbird.mls"
_CHAT: Final = "blue.catbird.mlsChat"
_OURS: Final = "chat.rookery.mls"
_I = Idempotency
_PERSON, _ACCOUNT = Auth.PERSON, Auth.ACCOUNT

# fmt: off
ROWS: Final = (
    # conversations
    _call(_MLS, "createConvo", groups_create.create, "createConvo", _I.KEY_REQUIRED, WHOLE),
    _call(_MLS, "getConvos", reading.get_convos, "read", _I.READ),
    _call(_MLS, "getExpectedConversations", reading.get_expected, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getEpoch", reading.get_epoch, "read", _I.READ),
    _call(_MLS, "addMembers", groups.add_members, "addMembers", _I.KEY_REQUIRED, WHOLE),
    _call(_MLS, "removeMember", groups.remove_member, "removeMember", _I.KEY_REQUIRED, WHOLE),
    _call(_MLS, "leaveConvo", groups.leave, "default", _I.KEY_OPTIONAL, WHOLE),
    _call(_MLS, "sendMessage", messages.send, "send", _I.MESSAGE_ID, WHOLE),
    _call(_MLS, "getMessages", reading.get_messages, "read", _I.READ),
    _call(_MLS, "getCommits", reading.get_commits, "read", _I.READ),
    _call(_MLS, "updateCursor", messages.update_cursor, "default", _I.NATURAL),
    _call(_OURS, "submitCommit", groups.submit_commit, "addMembers", _I.NATURAL, WHOLE),
    _call(_OURS, "sendProposal", proposals.send_proposal, "default", _I.NATURAL, 2 * MEMBERS),
    _call(_OURS, "getDigest", reading.get_digest, "read", _I.READ),
    _call(_OURS, "getConvoSettings", settings.get_convo_settings, "read", _I.READ, auth=_PERSON),
    _call(_OURS, "updateConvoSettings", settings.update_convo_settings, "default", _I.NATURAL, auth=_PERSON),
    _call(_CHAT, "resetGroup", groups_reset.reset_group, "createConvo", _I.KEY_OPTIONAL, WHOLE, _PERSON),

    # devices, their key packages and Welcomes
    _call(_MLS, "registerDevice", devices.register_device, "registerDevice", _I.NATURAL, WHOLE, _ACCOUNT),
    _call(_MLS, "listDevices", devices.list_devices, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "deleteDevice", devices.delete_device, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "validateDeviceState", devices.validate_state, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "publishKeyPackage", keypackages.publish_one, "publishKeyPackage", _I.NATURAL, MEMBERS,
          _PERSON),
    _call(_MLS, "publishKeyPackages", keypackages.publish_many, "publishKeyPackages", _I.NATURAL, WHOLE,
          _PERSON),
    _call(_MLS, "syncKeyPackages", keypackages.sync, "publishKeyPackages", _I.NATURAL, auth=_PERSON),
    _call(_CHAT, "reconcileKeyPackages", keypackages.reconcile, "default", _I.NATURAL, MEMBERS, _PERSON),
    _call(_CHAT, "invalidateKeyPackage", keypackages.invalidate, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "getKeyPackages", keypackages.take, "default", _I.READ),
    _call(_MLS, "getKeyPackageStats", told.stats, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getKeyPackageStatus", told.status, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getKeyPackageHistory", told.history, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getWelcome", welcomes.get_welcome, "read", _I.READ),
    _call(_MLS, "confirmWelcome", welcomes.confirm, "default", _I.NATURAL),
    _call(_MLS, "validateWelcome", welcomes.validate, "default", _I.NATURAL, WHOLE),
    _call(_MLS, "invalidateWelcome", welcomes.invalidate, "default", _I.NATURAL),
    _call(_CHAT, "reissueWelcome", welcomes.reissue, "addMembers", _I.NATURAL),
    _call(_CHAT, "reissueWelcomeRespond", welcomes.respond, "addMembers", _I.NATURAL, WHOLE),
    _call(_MLS, "getPendingDeviceAdditions", additions.list_pending, "read", _I.READ),
    _call(_MLS, "claimPendingDeviceAddition", additions.claim_addition, "addMembers", _I.NATURAL),
    _call(_MLS, "completePendingDeviceAddition", additions.complete_addition, "default", _I.NATURAL),

    # coming back
    _call(_MLS, "requestRejoin", rejoin.request_rejoin, "addMembers", _I.NATURAL, MEMBERS),
    _call(_MLS, "rejoin", rejoin.rejoin, "addMembers", _I.NATURAL, MEMBERS),
    _call(_MLS, "readdition", rejoin.readdition, "addMembers", _I.NATURAL),
    _call(_MLS, "getGroupInfo", groups_info.get_group_info, "read", _I.READ),
    _call(_MLS, "updateGroupInfo", groups_info.update_group_info, "default", _I.NATURAL, WHOLE),
    _call(_MLS, "groupInfoRefresh", groups_info.refresh_group_info, "addMembers", _I.NATURAL),
    _call(_MLS, "processExternalCommit", groups.process_external_commit, "addMembers", _I.NATURAL, WHOLE),

    # roles, policy, moderation
    _call(_MLS, "promoteAdmin", roles.promote_admin, "default", _I.SAID, auth=_PERSON),
    _call(_MLS, "demoteAdmin", roles.demote_admin, "default", _I.SAID, auth=_PERSON),
    _call(_MLS, "promoteModerator", roles.promote_moderator, "default", _I.SAID, auth=_PERSON),
    _call(_MLS, "demoteModerator", roles.demote_moderator, "default", _I.SAID, auth=_PERSON),
    _call(_MLS, "getPolicy", roles.get_policy, "read", _I.READ),
    _call(_MLS, "updatePolicy", roles.update_policy, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "warnMember", roles.warn_member, "default", _I.KEY_OPTIONAL, auth=_PERSON),
    _call(_MLS, "reportMember", reports.report_member, "reportMember", _I.KEY_OPTIONAL, MEMBERS, _PERSON),
    _call(_MLS, "getReports", reports.get_reports, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "resolveReport", reports.resolve_report, "default", _I.SAID, auth=_PERSON),
    _call(_MLS, "getAdminStats", reports.get_admin_stats, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "createInvite", invites.create_invite, "default", _I.KEY_OPTIONAL, auth=_PERSON),
    _call(_MLS, "listInvites", invites.list_invites, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "revokeInvite", invites.revoke_invite, "default", _I.SAID, auth=_PERSON),

    # first contact and blocks
    _call(_MLS, "optIn", contact.opt_in, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "optOut", contact.opt_out, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "getOptInStatus", contact.get_opt_in_status, "read", _I.READ),
    _call(_MLS, "sendChatRequest", requests.send_request, "createConvo", _I.SAID, WHOLE, _PERSON),
    _call(_MLS, "acceptChatRequest", requests.accept_request, "default", _I.NATURAL, WHOLE, _PERSON),
    _call(_MLS, "declineChatRequest", requests.decline_request, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "blockChatSender", requests.block_sender, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "listChatRequests", requests.list_requests, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getRequestCount", requests.count_requests, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "getChatRequestSettings", contact.get_settings, "read", _I.READ, auth=_PERSON),
    _call(_MLS, "updateChatRequestSettings", contact.update_settings, "default", _I.NATURAL, auth=_PERSON),
    _call(_MLS, "checkBlocks", blocks.check_blocks, "checkBlocks", _I.READ, auth=_PERSON),
    _call(_MLS, "getBlockStatus", blocks.get_block_status, "checkBlocks", _I.READ, auth=_PERSON),
    _call(_MLS, "handleBlockChange", blocks.handle_block_change, "default", _I.NATURAL, auth=_PERSON),

    # streams
    _call(_MLS, "getSubscriptionTicket", ticket.get_mls, "stream", _I.NATURAL),
    _stream(_MLS, "streamConvoEvents", Transport.SSE),
    _stream(_MLS, "subscribeConvoEvents", Transport.AT_STREAM),
)
# fmt: on
