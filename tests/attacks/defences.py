"""Which attack is shown to fail by which tests, and which lines of the router are the defence.

A removal is one replacement in one file that takes the defence away. `python -m tests.attacks.mutants` makes each
in a copy and runs the tests that are named: some must fail, and every test must fail for some removal.
`test_index.py` sees to it that no name here is of something that is no longer there.
"""
# ruff: noqa: E501 - a removal is read as one line

from typing import Final

import attrs


@attrs.frozen
class Removal:
    """In `file`, `old` (which occurs once) becomes `new`: the defence is gone."""

    file: str
    old: str
    new: str


@attrs.frozen
class Attack:
    """An attack, the tests below `tests/` that show it failing, and the ways to take its defence away."""

    name: str
    tests: tuple[str, ...]
    removals: tuple[Removal, ...]


_USE = "if not self._replay.use(principal.token_id, until=principal.expires, now=now):"
_DOOR = "router/identity/authenticator.py"

ATTACKS: Final = (
    Attack(
        "replay, same process",
        (
            "attacks/test_replay.py::test_of_many_at_once_one_gets_in",
            "attacks/test_replay.py::test_a_token_that_opened_a_stream_opens_no_second_one_in_any_process",
            "attacks/test_replay.py::test_a_used_token_is_used_until_its_own_end_and_not_for_a_fixed_time",
            "attacks/test_forged_tokens.py::test_a_changed_token_is_no_second_token",
            "edge/test_routes.py::test_a_token_that_was_used",
            "edge/test_routes.py::test_a_stream_opened_twice_with_one_token",
        ),
        (Removal(_DOOR, _USE, "if False:"),),
    ),
    Attack(
        "replay, other process",
        (
            "attacks/test_replay.py::test_a_used_token_is_used_in_the_process_that_comes_after_a_kill",
            "attacks/test_replay.py::test_a_token_that_opened_a_stream_opens_no_second_one_in_any_process",
            "system/test_one_owner.py::test_a_second_server_is_refused_with_a_sentence_and_the_first_goes_on",
        ),
        (
            Removal("router/housekeeping.py", "replay.load(await store.load_tokens(int(now()) - RETENTION_SECONDS))", "await store.load_tokens(0)"),
            Removal(_DOOR, "            self._remember(principal.token_id, principal.expires)\n", ""),
            Removal("router/store/sqlite/parts.py", "with FolderLock(self._folder):", "if True:"),
        ),
    ),
    Attack(
        "replay, after the time a fixed memory lasts but before `exp`",
        (
            "attacks/test_replay.py::test_a_used_token_is_used_until_its_own_end_and_not_for_a_fixed_time",
            "attacks/test_replay.py::test_a_used_token_is_used_in_the_process_that_comes_after_a_kill",
            "attacks/test_replay.py::test_a_clock_that_is_set_back_brings_no_token_back",
        ),
        (
            Removal(_DOOR, _USE, _USE.replace("principal.expires", "min(principal.expires, int(now) + 300)")),
            Removal(_DOOR, "self._remember(principal.token_id, principal.expires)", "self._remember(principal.token_id, int(now) - 3_000)"),
            Removal("router/identity/replay.py", "if until <= self._watermark or token_hash in self._used:", "if token_hash in self._used:"),
        ),
    ),
    Attack(
        "mix-up (OpenID Connect, RFC 9207)",
        (
            "attacks/test_login.py::test_mix_up",
            "login/test_flow.py::TestTheProvider::test_mix_up_an_answer_of_another_issuer",
            "login/test_flow.py::TestTheProvider::test_mix_up_an_announced_issuer_that_is_missing",
        ),
        (
            Removal("router/login/flow.py", "if begun.provider != client.provider.id:", "if False:"),
            Removal("router/login/oidc.py", "if issuer is not None and issuer != metadata.issuer:", "if False:"),
            Removal("router/login/oidc.py", "if issuer is None and metadata.authorization_response_iss_parameter_supported:", "if False:"),
        ),
    ),
    Attack(
        "wrong nonce",
        ("attacks/test_login.py::test_a_wrong_nonce_ends_the_login",),
        (Removal("router/login/oidc.py", "if claims.nonce is None or not _same(claims.nonce, nonce):", "if False:"),),
    ),
    Attack(
        "expired state",
        ("attacks/test_login.py::test_an_expired_and_a_made_up_state", "login/test_flow.py::TestTheBrowser::test_a_login_that_took_too_long"),
        (Removal("router/login/pending.py", "return value if self._clock() < value.expires else None", "return value"),),
    ),
    Attack(
        "code reuse",
        (
            "attacks/test_login.py::test_code_reuse_ends_the_login_that_the_first_use_began",
            "attacks/test_login.py::test_a_stolen_code_is_of_no_use_and_is_spent_by_trying",
            "attacks/test_login.py::test_an_answer_of_the_provider_is_used_once_also_after_a_restart",
            "attacks/test_login.py::test_a_refresh_token_used_twice_ends_the_login_for_thief_and_owner",
        ),
        (
            Removal("router/login/flow.py", "        if issued is None:\n            await self._grants.end_of_code(code)\n", "        if issued is None:\n"),
            Removal("router/login/flow.py", "if not is_of_app(issued.app, verifier=verifier, redirect_uri=redirect_uri):", "if False:"),
            Removal("schema/sql/sqlite/queries.sql", "DELETE FROM pending WHERE key = ? AND expires > ? RETURNING sealed;", "SELECT sealed FROM pending WHERE key = ? AND expires > ?;"),
            Removal("router/login/grants.py", "                self._revocations.revoke(grant=token.grant_id)\n                raise LoginError(LoginFault.ENDED, detail=\"a refresh token was used twice\")", "                raise LoginError(LoginFault.ENDED, detail=\"a refresh token was used twice\")"),
        ),
    ),
    Attack(
        "login CSRF",
        ("attacks/test_login.py::test_login_csrf", "login/test_end_to_end.py::test_login_csrf_in_real_browsers"),
        (Removal("router/login/secrets.py", "return keyed_hash(self._pending, kind, *(part.encode() for part in binding))", "return keyed_hash(self._pending, kind, binding[0].encode())"),),
    ),
    Attack(
        "token of another endpoint",
        (
            "attacks/test_forged_tokens.py::test_each_forgery_is_refused_by_its_name_and_uses_nothing_up",
            "attacks/test_login.py::test_an_access_token_for_one_method_and_tokens_that_are_none",
            "edge/test_routes.py::test_a_token_made_for_another_method",
        ),
        (
            Removal("router/identity/service_auth.py", "if method != lxm:", "if False:"),
            Removal(_DOOR, "if principal.methods is not None and lxm not in principal.methods:", "if False:"),
        ),
    ),
    Attack(
        "high-S",
        (
            "attacks/test_forged_tokens.py::test_neither_curve_answers_for_the_other",
            "crypto/test_keys.py::test_wycheproof_raw_signatures",
        ),
        (Removal("crypto/_ecdsa.py", "and 0 < s <= _HALF_ORDER[curve]", "and 0 < s < _ORDER[curve]"),),
    ),
    Attack(
        "`alg` confusion",
        (
            "attacks/test_forged_tokens.py::test_neither_curve_answers_for_the_other",
            "attacks/test_forged_tokens.py::test_each_forgery_is_refused_by_its_name_and_uses_nothing_up",
            "login/test_access_tokens.py::test_alg_confusion_the_public_key_is_no_secret",
            "login/test_flow.py::TestTheProvider::test_alg_confusion_none",
            "login/test_flow.py::TestTheProvider::test_alg_confusion_hs256_with_the_public_key",
        ),
        (
            Removal("router/identity/jws.py", "if not isinstance(key, VerificationKey) or key.public.curve is not self._curve:", "if not isinstance(key, VerificationKey):"),
            Removal("router/identity/service_auth.py", "curve = _CURVES.get(algorithm)\n", "curve = _CURVES.get(algorithm, Curve.K256)\n"),
            Removal("router/login/tokens.py", "if header.alg != _ALGORITHM or header.crit", "if header.crit"),
            Removal("router/login/id_token.py", "or algorithm not in ALGORITHMS or", "or"),
        ),
    ),
    Attack(
        "`kid` pointing at another key",
        (
            "attacks/test_forged_tokens.py::test_each_forgery_is_refused_by_its_name_and_uses_nothing_up",
            "identity/test_documents.py::test_the_key_is_the_first_of_its_name_and_of_no_other",
            "login/test_access_tokens.py::test_a_key_of_the_forgers_own_is_not_asked",
        ),
        (
            Removal("router/identity/service_auth.py", "if header.get(\"kid\", ATPROTO_KEY) != ATPROTO_KEY:", "if False:"),
            Removal("router/identity/device_auth.py", "if record is None or record.account != account:", "if record is None:"),
            Removal("router/login/tokens.py", "if key is None or not key.verifies(text.rpartition(\".\")[0].encode(), token.signature):", "if key is None:"),
            Removal("router/identity/document.py", "if method.id in (ATPROTO_KEY, document.id + ATPROTO_KEY):", "if ATPROTO_KEY in method.id:"),
        ),
    ),
    Attack(
        "key rotation under load",
        (
            "attacks/test_key_rotation.py::test_keys_of_accounts_change_in_the_directory_while_everybody_calls",
            "attacks/test_key_rotation.py::test_a_crowd_that_is_ahead_of_the_directory_waits_as_for_one_mistake",
            "identity/test_resolved_accounts.py::test_key_rotation_under_load_costs_one_look",
        ),
        (
            Removal("router/identity/service_auth.py", "for refresh in (False, True):", "for refresh in (False,):"),
            Removal("router/identity/lockout.py", "under_way = now < entry.until", "under_way = False"),
            Removal("router/identity/document.py", "name = (method.type, method.multibase)", "name = (method.type, document.id)"),
        ),
    ),
    Attack(
        "DNS rebinding against the resolver",
        (
            "attacks/test_rebinding.py::test_a_name_that_changes_between_the_check_and_the_use_is_used_as_it_was_checked",
            "attacks/test_rebinding.py::test_a_name_that_leads_inside_is_not_followed",
            "attacks/test_rebinding.py::test_among_public_addresses_one_that_is_not_is_not_tried",
            "identity/test_resolving_network.py::TestWhereNamesLead::test_rebinding_the_second_answer_is_never_asked_for",
            "identity/test_resolving_network.py::TestWhereNamesLead::test_a_private_address_is_not_connected_to",
        ),
        (
            Removal("router/identity/dialer.py", "return await self._connect(address, port)", "return await self._connect((await self._look_up(host, port))[0], port)"),
            Removal("router/identity/dialer.py", "accepted = [address for address in found if self._accept(host, classify(address))]", "accepted = list(found) if any(self._accept(host, classify(address)) for address in found) else []"),
            Removal("router/identity/dialer.py", "kind is AddressClass.PUBLIC or", "True or"),
            Removal("router/identity/address_guard.py", "parsed = IPv4Address(int(parsed) & 0xFFFFFFFF)", "return AddressClass.PUBLIC"),
        ),
    ),
    Attack(
        "refresh-storm brake",
        (
            "attacks/test_refresh_storm.py::test_a_storm_in_one_name_brings_one_look",
            "attacks/test_refresh_storm.py::test_a_storm_in_many_names_brings_as_many_looks_as_are_allowed_in_all",
            "attacks/test_refresh_storm.py::test_names_that_nobody_has_are_asked_for_once_each",
            "identity/test_resolver_outside.py::test_a_storm_of_failed_signatures_is_braked",
        ),
        (
            Removal("router/identity/did_cache.py", "if entry.forced is not None and now < entry.forced + self._times.brake:", "if False:"),
            Removal("router/identity/did_cache.py", "if not self._budget.take(now):", "if False:"),
            Removal("router/identity/did_cache.py", "entry.until = now + self._times.negative", "entry.until = now"),
        ),
    ),
    Attack(
        "X-Forwarded-For spoofing",
        (
            "edge/test_limits.py::test_no_header_gives_a_stranger_a_fresh_bucket",
            "edge/test_limits.py::test_behind_a_proxy_each_client_has_its_own_and_cannot_leave_it",
            "edge/test_client_address.py::test_whatever_a_client_writes_left_of_its_address_changes_nothing",
        ),
        (
            Removal("router/edge/client_address.py", "if not (self.peers or (last is not None and self.trusts(last))):", "if False:"),
            Removal("router/edge/client_address.py", "yield from reversed(joined.split(\",\"))", "yield from joined.split(\",\")"),
        ),
    ),
    Attack(
        "limiter memory under a million keys",
        (
            "limits/test_table.py::test_a_million_callers_take_no_more_memory_than_the_bound_allows",
            "attacks/test_memory.py::test_a_crowd_of_strangers_costs_what_the_first_few_thousand_cost",
        ),
        (
            Removal("router/limits/table.py", "elif len(self._young) >= self._half and key not in self._young:", "elif False:"),
            Removal("router/identity/lockout.py", "if len(self._entries) > policy.capacity:", "if False:"),
            Removal("router/identity/did_cache.py", "while len(self._entries) > self._max_items or self._bytes > self._max_bytes:", "while False:"),
        ),
    ),
    Attack(
        "slow-loris headers",
        (
            "edge/test_server.py::test_a_head_that_never_ends_is_answered_408",
            "attacks/test_slow_loris.py::test_a_second_head_on_a_connection_has_no_more_time_than_the_first",
            "attacks/test_slow_loris.py::test_a_tls_greeting_that_never_ends_is_cut_as_a_head_is",
        ),
        (
            Removal("router/edge/connection.py", "if data and not self._busy and not self._head_begun:", "if data and not self._busy:"),
            Removal("router/edge/connection.py", "with trio.move_on_after(self._limits.header_timeout) as limit:", "with trio.move_on_after(1_000) as limit:"),
        ),
    ),
    Attack(
        "slow-loris bodies",
        (
            "edge/test_slow_clients.py::test_a_body_that_drips_is_answered_408_and_its_connection_ends",
            "edge/test_slow_clients.py::test_a_stranger_cannot_make_the_server_wait_for_a_body",
            "attacks/test_slow_loris.py::test_a_chunked_body_that_drips_is_answered_408",
            "attacks/test_slow_loris.py::test_the_body_of_a_login_has_its_time_too",
            "attacks/test_slow_loris.py::test_a_stranger_cannot_take_all_places_with_logins_that_never_end",
            "attacks/test_slow_loris.py::test_a_crowd_of_slow_bodies_holds_up_nobody",
        ),
        (
            Removal("router/edge/xrpc.py", "with trio.move_on_after(within) as limit:", "with trio.move_on_after(10_000) as limit:"),
            Removal("router/login/web.py", "    with incoming.visitor.body():\n", "    if True:\n"),
            Removal("router/edge/xrpc.py", "    caller = await admit(edge, route, request.headers, request.visitor)\n", "    await read_body(request, max_bytes, edge.settings.server.body_timeout)\n    caller = await admit(edge, route, request.headers, request.visitor)\n"),
        ),
    ),
    Attack(
        "10,000 half-open connections",
        (
            "system/test_many_connections.py::test_ten_thousand_half_open_connections_shut_nobody_out",
            "edge/test_server.py::test_when_all_places_are_taken_the_oldest_that_is_idle_gives_way",
        ),
        (Removal("router/edge/server.py", "        if connection.idle:\n", "        if False:\n"),),
    ),
)  # fmt: skip
