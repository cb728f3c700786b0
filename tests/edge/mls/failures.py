"""The failures that delivery services before this one had, each with its law here and the tests that show it.

The numbers are those of the study that the house was built from (section 5 of its notes on such a service).
A removal takes a line of the defence away: `python -m tests.edge.mls.failures_mutants [NUMBER …]` makes each
in a copy and runs the tests that are named, of which some must fail. Where there is no removal, the law
follows from how things are built (types, one table, one log), and no single line is the defence.
`test_failures.py` keeps names and lines true.

Not here: 20 and 26 (they need a second node), 29 and 31 (their tests have files of their own already, and
the parts that push and clusters add are not built), 35 (nothing is cut off a log yet).
"""
# ruff: noqa: E501 - a test and a removal are read as one line

from typing import Final

import attrs

from tests.attacks.defences import Removal


@attrs.frozen
class Failure:
    """What must not happen again: the law in our words, the tests below `tests/`, ways to break it."""

    law: str
    tests: tuple[str, ...]
    removals: tuple[Removal, ...] = ()


_HERE = "edge/mls"
_SCHEDULES = f"{_HERE}/test_failures_schedules.py"
_PROCESS = f"{_HERE}/test_failures_process.py"
_COMMIT = "protocol/_rules_commit.py"

RACES: Final = frozenset({3, 4, 6, 15, 18, 19, 21, 23, 28})
"""Each of these has a test whose order Hypothesis chooses, and one of real clients and a real process."""

ELSEWHERE: Final = frozenset({20, 26, 29, 31, 35})

FAILURES: Final[dict[int, Failure]] = {
    1: Failure(
        "The epoch of a conversation is the one its creator committed, never a number of the server's own.",
        (f"{_HERE}/test_groups.py::test_1_the_epoch_is_the_one_the_creator_committed", f"{_HERE}/test_groups.py::test_1_a_stated_epoch_is_believed_where_no_group_info_tells_it", "protocol/test_groups.py::test_the_epoch_comes_from_the_group_info_or_from_the_creator_and_is_never_made_up"),
        (Removal("protocol/_rules_members.py", "epoch = command.epoch if command.group_info is None else command.group_info.epoch", "epoch = 0"),),
    ),
    2: Failure(
        "A commit, its Welcomes, its GroupInfo and the members it makes are one step, and every member gets it, asking or listening.",
        (f"{_HERE}/test_commits.py::test_2_every_member_gets_the_commit_and_what_it_did", f"{_SCHEDULES}::test_2_18_19_a_reader_that_is_cut_off_again_and_again_gets_the_log", f"{_PROCESS}::test_2_18_19_a_stream_that_is_cut_by_its_client_and_by_kill_9_is_the_log"),
        (Removal("router/edge/mls/reading.py", "_HANDSHAKES: Final = frozenset({EntryKind.COMMIT, EntryKind.PROPOSAL})", "_HANDSHAKES: Final = frozenset({EntryKind.PROPOSAL})"),),
    ),
    3: Failure(
        "Of the commits of an epoch one is taken; the others are told the epoch that is.",
        (f"{_HERE}/test_commits.py::test_3_of_two_commits_of_one_epoch_one_wins_and_the_other_is_told_the_epoch", f"{_HERE}/test_commits.py::test_3_and_so_it_is_when_they_come_at_once", f"{_SCHEDULES}::test_3_of_all_commits_of_an_epoch_one_is_taken", f"{_PROCESS}::test_3_of_commits_at_once_one_wins_in_every_epoch"),
        (Removal(_COMMIT, "    if handshake.base_epoch != state.epoch or state.epoch >= MAX_SAFE_INTEGER:\n        return wrong_epoch(state)\n    if not handshake.private and handshake.verified_against != state.group.group_info_hash:", "    if False:"),),
    ),
    4: Failure(
        "Places in a conversation are given in the transaction that fills them: no gap, none twice.",
        (f"{_SCHEDULES}::test_4_5_parallel_sends_have_places_without_a_gap_and_twins_have_one", f"{_PROCESS}::test_4_21_fifty_parallel_sends_have_the_next_fifty_places_also_when_the_actor_is_cold", "conversation/test_actor.py::test_any_crowd_of_sends_and_retries_leaves_a_dense_log_with_each_message_once"),
        (Removal("protocol/_rules_send.py", "    seq = state.last_seq + 1\n", "    seq = state.last_seq + 2\n"),),
    ),
    5: Failure(
        "What was taken once is answered as it was, before anybody looks at the epoch.",
        (f"{_HERE}/test_commits.py::test_5_a_message_that_was_taken_is_answered_after_the_epoch_moved", f"{_SCHEDULES}::test_4_5_parallel_sends_have_places_without_a_gap_and_twins_have_one"),
        (Removal("protocol/_rules_send.py", "    if turn.known is not None:\n        return _retried(command, turn.known, hashed)\n    refusal = _refusal(state, command)\n", "    refusal = _refusal(state, command)\n    if refusal is None and turn.known is not None:\n        return _retried(command, turn.known, hashed)\n"),),
    ),
    6: Failure(
        "A key package is given to one account, used up by a commit of that one, and free again when it is not.",
        (f"{_HERE}/test_keypackages.py::test_scenario_6_no_package_is_given_twice_however_many_ask_at_once", f"{_HERE}/test_keypackages.py::test_scenario_6_a_claim_that_no_commit_follows_goes_back", f"{_HERE}/test_commits.py::test_a_commit_adds_only_by_key_packages_that_its_maker_claimed", f"{_SCHEDULES}::test_6_no_key_package_is_given_twice", f"{_PROCESS}::test_6_twice_as_many_takers_as_packages"),
        (Removal("router/store/memory/key_packages.py", "free = [kept for kept in fit if not kept.given.last_resort and kept.claimed_by is None]", "free = [kept for kept in fit if not kept.given.last_resort]"),),
    ),
    7: Failure(
        "A device that cannot use its Welcome says so, somebody is asked, and helps; lost packages are found by comparing.",
        (f"{_HERE}/test_keypackages.py::test_scenario_7_what_the_device_lost_is_found_by_comparing_and_withdrawn_by_syncing", f"{_HERE}/test_welcomes.py::test_scenario_7_a_nack_is_told_to_the_members_and_another_leaf_mends_it", f"{_HERE}/test_welcomes.py::test_who_made_the_welcome_makes_another_for_the_same_key_package"),
        (Removal("router/edge/mls/welcomes.py", "    if device in state.members:\n        await ask_for_help", "    if False:\n        await ask_for_help"),),
    ),
    8: Failure(
        "A key package has one name, its KeyPackageRef; by another hash nothing is found and nothing withdrawn.",
        (f"{_HERE}/test_keypackages.py::test_scenario_8_there_is_one_hash_and_another_one_finds_nothing", f"{_HERE}/test_keypackages.py::test_scenario_8_hashes_of_another_kind_do_not_empty_the_stock", f"{_HERE}/test_groups.py::test_another_hash_of_the_same_package_is_none"),
    ),
    9: Failure(
        "A Welcome needs nothing but itself, however long ago its key package went; a last resort stays.",
        (f"{_HERE}/test_welcomes.py::test_scenario_9_a_welcome_is_there_a_week_after_its_key_package_went", f"{_HERE}/test_keypackages.py::test_the_last_resort_is_given_when_nothing_else_is_left_and_stays", f"{_HERE}/test_groups.py::test_a_last_resort_is_taken_again_and_again"),
        (Removal("router/store/memory/key_packages.py", "        if not known.given.last_resort:\n            known.end(\"consumed\"", "        if True:\n            known.end(\"consumed\""),),
    ),
    10: Failure(
        "A device has one id in every path; its packages are found under it wherever it is named.",
        (f"{_HERE}/test_keypackages.py::test_scenario_10_publish_stats_claim_and_sync_agree_on_the_device",),
    ),
    11: Failure(
        "Accounts and devices are two types: admins are counted as accounts, a device's key is its own.",
        (f"{_HERE}/test_devices.py::test_scenario_11_the_last_admin_with_two_devices_is_one_admin", f"{_HERE}/test_last_admin.py::test_28_two_devices_of_one_admin_are_one_admin", f"{_HERE}/test_external_commits.py::test_a_device_that_lost_its_state_replaces_its_own_leaf_and_no_other"),
        (Removal("protocol/_rules_roles.py", "if state.admins == {target}:", "if len(state.members) == 1:"),),
    ),
    12: Failure(
        "Who has no leaf is no member: neither shown, nor read to, nor heard.",
        (f"{_HERE}/test_groups.py::test_12_who_was_named_is_no_member_before_a_commit_adds_its_leaf", f"{_HERE}/test_groups.py::test_12_a_second_device_is_in_when_its_leaf_is", f"{_HERE}/test_devices.py::test_a_device_registered_later_is_announced_added_by_a_member_and_then_in"),
        (Removal("router/edge/members.py", "        case Standing.PENDING:\n            raise Refusal.of(NOT_YET_MEMBER)", "        case Standing.PENDING if state is not None:\n            return state"),),
    ),
    13: Failure(
        "A Welcome is there until its device says what became of it, however often it was fetched.",
        (f"{_HERE}/test_welcomes.py::test_scenario_13_a_welcome_that_was_fetched_and_lost_is_fetched_again", f"{_HERE}/test_welcomes.py::test_scenario_13_an_attempt_that_failed_leaves_it_there_and_a_rejection_does_not"),
        (Removal("router/store/memory/welcomes.py", "self._welcomes[index] = replace(self._welcomes[index], fetched=now)", "return self._end_welcome(index, \"acknowledged\", now)"),),
    ),
    14: Failure(
        "The newest Welcome of a device in a conversation counts, and of no other device or conversation.",
        (f"{_HERE}/test_welcomes.py::test_scenario_14_the_newest_welcome_counts_and_what_is_said_of_the_old_one_is_too_late", f"{_HERE}/test_welcomes.py::test_scenario_14_a_welcome_is_of_one_conversation_and_one_device"),
        (Removal("router/store/memory/welcomes.py", "if (self._welcomes[index].conversation, self._welcomes[index].device) == (conversation, device):", "if self._welcomes[index].conversation == conversation:"),),
    ),
    15: Failure(
        "However many devices lost their state at once, the group gets one epoch in a while and who waits is told how long.",
        (f"{_HERE}/test_external_commits.py::test_15_ten_devices_that_come_at_once_make_one_epoch_in_a_window", f"{_HERE}/test_external_commits.py::test_15_who_comes_too_soon_is_told_how_long_to_wait", f"{_HERE}/test_rejoin.py::test_scenario_15_ten_that_ask_to_be_added_again_are_added_by_one_commit", f"{_SCHEDULES}::test_15_a_storm_of_external_commits_makes_one_epoch", f"{_PROCESS}::test_15_ten_devices_that_come_at_once_make_one_epoch"),
        (Removal("protocol/_rules_external.py", "    if wait > 0:\n", "    if False:\n"),),
    ),
    16: Failure(
        "A removal is a tombstone: nothing that the removed account does brings it back, and what it had asked for ends.",
        (f"{_HERE}/test_failures_edge.py::test_16_no_way_back_is_open_to_who_was_removed", f"{_HERE}/test_failures_edge.py::test_16_what_was_asked_before_leaving_is_asked_no_more", f"{_HERE}/test_external_commits.py::test_16_who_was_removed_does_not_come_back_by_itself", f"{_HERE}/test_rejoin.py::test_scenario_16_a_removed_account_is_not_heard"),
        (Removal("router/edge/mls/rejoin.py", "    if not may_come_back(state, call.account):\n", "    if False:\n"),),
    ),
    17: Failure(
        "A device is given what was written while it was a member, and then hears that it is not.",
        (f"{_HERE}/test_reading.py::test_17_who_was_removed_gets_nothing_more_on_its_stream", "edge/test_sse.py::test_a_removed_member_is_told_so_and_gets_nothing_after_it", "system/test_removed.py::test_a_removed_device_hears_of_its_removal_and_then_nothing"),
        (Removal("router/device/tail.py", "                self._unwant(feed, conversation)\n                if feed.only", "                if feed.only"),),
    ),
    18: Failure(
        "What is given live and what is given again is one log, with every kind of entry in it, in its order.",
        (f"{_SCHEDULES}::test_2_18_19_a_reader_that_is_cut_off_again_and_again_gets_the_log", f"{_PROCESS}::test_2_18_19_a_stream_that_is_cut_by_its_client_and_by_kill_9_is_the_log", "device/test_delivery.py::test_what_a_device_receives_is_the_log_restricted_to_its_membership_whatever_is_cut"),
        (Removal("router/device/actor.py", "        while feed.examined < joined_at:\n", "        while False:\n"),),
    ),
    19: Failure(
        "A cursor is a place in the log: the order of cursors is the order of what was written, over restarts too.",
        (f"{_SCHEDULES}::test_2_18_19_a_reader_that_is_cut_off_again_and_again_gets_the_log", f"{_PROCESS}::test_2_18_19_a_stream_that_is_cut_by_its_client_and_by_kill_9_is_the_log", "edge/test_sse.py::test_no_schedule_of_disconnects_loses_or_repeats_an_event"),
    ),
    21: Failure(
        "A conversation has one actor, woken once, which believes the log after a fault, refuses when it is full, and leaves when idle.",
        (f"{_SCHEDULES}::test_21_an_actor_that_crashes_loses_nothing_and_believes_the_log", f"{_PROCESS}::test_4_21_fifty_parallel_sends_have_the_next_fifty_places_also_when_the_actor_is_cold", "conversation/test_actor.py::test_a_state_that_another_writer_made_old_is_reloaded", "conversation/test_actor.py::test_a_full_mailbox_is_an_explicit_refusal", "actors/test_registry.py::test_the_first_message_activates_a_key_and_idleness_passivates_it", "actors/test_registry.py::test_a_message_that_arrives_while_the_actor_leaves_is_given_to_the_next_incarnation"),
        (Removal("router/conversation/actor.py", "                    self._state = await house.store.conversation(self._conversation)\n                    known.clear()\n", "                    known.clear()\n"),),
    ),
    22: Failure(
        "Who may call what, how often and how again stands in one table, and every row of it is attacked.",
        ("edge/test_routes.py::test_every_lexicon_of_a_method_has_a_row_and_every_row_a_lexicon", "edge/test_routes.py::test_a_token_made_for_another_method", "edge/test_limits.py::test_every_row_of_the_table_is_counted_before_its_body_is_read", "edge/test_lexicon_contract.py::test_every_row_is_counted_in_its_own_class"),
        (Removal("router/identity/service_auth.py", "if method != lxm:", "if False:"),),
    ),
    23: Failure(
        "A retry key is of one caller, one method and one body; what failed is not kept, nobody is answered before the token is judged, and of twins one runs.",
        ("edge/test_idempotency.py::test_a_key_belongs_to_its_caller_and_its_method", "edge/test_idempotency.py::test_a_refusal_is_not_kept", "edge/test_idempotency.py::test_nothing_is_looked_up_for_a_caller_who_has_proven_nothing", "edge/test_idempotency.py::test_another_body_under_the_same_key_is_refused_and_not_answered", "edge/test_idempotency.py::test_of_two_at_once_one_runs_and_the_other_waits_for_its_answer", f"{_SCHEDULES}::test_23_of_requests_under_one_key_one_runs", f"{_PROCESS}::test_23_twins_under_one_key_are_one_act"),
        (Removal("protocol/_batch.py", "        if key is not None and stored is not None:\n", "        if False:\n"),),
    ),
    24: Failure(
        "Every method of the contract is built under its name, and none says that it did what it did not.",
        (f"{_HERE}/test_failures_edge.py::test_24_every_method_of_the_contract_is_built_under_its_name", f"{_HERE}/test_failures_edge.py::test_24_no_write_of_a_member_succeeds_with_what_means_nothing", "edge/test_lexicon_contract.py::test_what_the_lexicon_allows_is_answered_with_what_the_lexicon_has", "edge/test_lexicon_contract.py::test_an_input_that_breaks_one_rule_is_refused", f"{_HERE}/test_declared_errors.py::test_every_declared_error_has_a_call_that_meets_it"),
    ),
    25: Failure(
        "Answers have the form of their lexicon: base64 without line breaks, and one name for one thing.",
        (f"{_HERE}/test_failures_edge.py::test_25_base64_has_no_line_breaks_and_a_conversation_one_name", "edge/test_lexicon_contract.py::test_what_the_lexicon_allows_is_answered_with_what_the_lexicon_has"),
        (Removal("router/edge/mls/bytes.py", "return base64.b64encode(data).decode(\"ascii\")", "return base64.encodebytes(data).decode(\"ascii\")"),),
    ),
    27: Failure(
        "Blocked, clear or unknown: what cannot be read is no all-clear, and what somebody claims is looked up.",
        ("blocks/test_calls.py::test_while_a_pds_is_down_nobody_is_brought_together", "blocks/test_calls.py::test_a_claim_is_never_believed", "blocks/test_calls.py::test_what_cannot_be_looked_up_is_no_all_clear", "blocks/test_relation.py::test_what_could_not_be_read_is_unknown_and_never_clear"),
        (Removal("router/blocks/relation.py", "        if not held.complete:\n", "        if False:\n"),),
    ),
    28: Failure(
        "A conversation with members has an admin, whatever its admins do to each other at once; who goes last hands it on.",
        (f"{_HERE}/test_last_admin.py::test_28_two_demotions_at_once_leave_one_admin", f"{_HERE}/test_last_admin.py::test_28_when_the_last_admin_leaves_who_is_in_longest_follows", f"{_SCHEDULES}::test_28_whatever_admins_do_to_each_other_at_once_one_is_left", f"{_PROCESS}::test_28_admins_who_demote_each_other_at_once_leave_one"),
        (Removal("protocol/_rules_roles.py", "if state.admins == {target}:", "if False:"),),
    ),
    30: Failure(
        "Who speaks is who the token says; no field of a request names a sender, and a device named is the caller's own.",
        (f"{_HERE}/test_failures_edge.py::test_30_nobody_speaks_for_another", f"{_HERE}/test_commits.py::test_a_commit_is_its_makers"),
        (Removal("protocol/_rules_send.py", "if command.device is not None and not has_device(state, command.account, command.device):", "if False:"),),
    ),
    32: Failure(
        "Epochs are one type, as wide as a number can be told exactly; beyond it there is no epoch.",
        (f"{_HERE}/test_failures_edge.py::test_32_epochs_beyond_31_bits_are_kept_and_delivered", f"{_HERE}/test_failures_edge.py::test_32_an_epoch_that_no_answer_could_tell_is_refused", f"{_HERE}/test_failures_edge.py::test_32_the_last_epoch_that_can_be_told_is_the_last"),
        (Removal(_COMMIT, " or state.epoch >= MAX_SAFE_INTEGER:", ":"),),
    ),
    33: Failure(
        "One account takes a few packages of another; no name leads the resolver inside; DIDs and keys of all kinds are read.",
        (f"{_HERE}/test_keypackages.py::test_scenario_33_one_account_cannot_empty_the_stock_of_another", "identity/test_resolving_network.py::TestWhereNamesLead::test_a_private_address_is_not_connected_to", "identity/test_resolving_network.py::TestWhereNamesLead::test_a_redirect_to_a_private_address_is_not_followed", "identity/test_resolving_addresses.py::test_an_ipv4_address_in_ipv6_is_what_it_is_without", "identity/test_service_jwt_vectors.py::test_labelled_token"),
        (Removal("router/edge/admission.py", "        if by is not None:  # a DID holds no NUL\n", "        if False:\n"),),
    ),
    34: Failure(
        "Calls are counted for the account that makes them, failures for the address, and no header makes another of it.",
        (f"{_HERE}/test_failures_edge.py::test_34_two_accounts_behind_one_gateway_have_a_budget_each", "limits/test_quotas.py::test_every_route_names_a_class_of_accounts", "edge/test_limits.py::test_both_families_and_a_session_are_counted_together", "edge/test_limits.py::test_no_header_gives_a_stranger_a_fresh_bucket", "edge/test_limits.py::test_behind_a_proxy_each_client_has_its_own_and_cannot_leave_it"),
        (Removal("router/edge/admission.py", "standing = self.quotas.spend([Ask(quota, account.encode())])", "standing = self.quotas.spend([Ask(quota, str(self.now()).encode())])"),),
    ),
    36: Failure(
        "Reading changes nothing, and a group that exists is told to who made it and to nobody else.",
        (f"{_HERE}/test_groups.py::test_36_an_existing_group_answers_its_owner_and_tells_others_nothing", f"{_HERE}/test_groups.py::test_36_reading_changes_nothing", f"{_SCHEDULES}::test_36_of_two_who_make_one_group_at_once_one_has_it"),
        (Removal("router/edge/mls/groups_create.py", "        if refusal.error in (\"IdempotencyConflict\", \"ConvoNotFound\"):  # somebody was faster\n            raise _TAKEN from None\n", ""), Removal("router/edge/mls/groups_create.py", "    if key is None or await edge.store.idempotent(key.scope, now=now) is None:\n        raise _TAKEN\n", "")),
    ),
    37: Failure(
        "The same bytes are one act, whichever process of a client sends them, and its echo is known by its bytes.",
        (f"{_HERE}/test_commits.py::test_37_the_same_bytes_get_the_first_answer_whatever_came_after", f"{_HERE}/test_commits.py::test_twins_of_one_commit_are_one_entry_and_one_answer"),
        (Removal(_COMMIT, "    if turn.known is not None:\n        return Duplicate(ask.answer(turn.known))\n    refusal = _group_refusal", "    refusal = _group_refusal"),),
    ),
}  # fmt: skip
