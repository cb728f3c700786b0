"""Rules for `check`: what makes a server that others can reach unsafe, though each setting is good by itself.

Production is no switch that somebody could forget: a server is *public* when it binds to anything but the
loopback, or says that a proxy stands in front of it. What a person may do on one machine is refused there.
"""

import re
from collections.abc import Iterator

from router.config.findings import Finding, refuse, warn
from router.config.lists import EVERYBODY, BadNetworksError, parse_networks, parse_origins
from router.config.named import values_of
from router.config.origin import BadUrlError, is_loopback, parse_origin, public_origin
from router.config.passkey import is_open_to_strangers, passkey_problems
from router.config.sections import OPTIONS, Rates, Settings

LONGEST_TOKEN_SECONDS = 3_600
"""The most a PDS grants with `lxm`: whoever allows more lets a stolen token live longer and gains nothing."""
WIDEST_SKEW_SECONDS = 60
HARDLY_A_LIMIT = 100
"""Times its default: from there on a rate limit protects from nothing."""

_PLACEHOLDERS = (
    "changeme",
    "changethis",
    "default",
    "example",
    "letmein",
    "password",
    "placeholder",
    "replaceme",
    "supersecret",
    "yoursecret",
    "yourtoken",
)


def is_public(settings: Settings) -> bool:
    """Whether anybody but this machine can reach the server."""
    return settings.server.behind_proxy or not is_loopback(settings.server.host)


def secrets_are_nobodys_example(settings: Settings) -> Iterator[Finding]:
    """A secret that was copied from a page is known to all who read the page."""
    for option, value in values_of(settings):
        if option.secret and isinstance(value, str) and _is_placeholder(value):
            yield refuse(
                option.path,
                wrong="It is a placeholder from somebody's example.",
                mend="Make one of your own, as `openssl rand -hex 32` does.",
            )


def _is_placeholder(value: str) -> bool:
    letters = re.sub(r"[^a-z]", "", value.lower())
    return letters == "secret" or any(word in letters for word in _PLACEHOLDERS)


def checks_are_not_weakened(settings: Settings) -> Iterator[Finding]:
    """Token checks cannot be turned off; nor may they be stretched until they check nothing."""
    if not is_public(settings):
        return
    auth = settings.auth
    if auth.max_token_lifetime > LONGEST_TOKEN_SECONDS:
        yield refuse(
            "auth.max_token_lifetime",
            wrong="A stolen token would be good for longer than any honest one needs.",
            mend=f"Set it to {LONGEST_TOKEN_SECONDS} or less.",
        )
    if auth.clock_skew > WIDEST_SKEW_SECONDS:
        yield refuse(
            "auth.clock_skew",
            wrong="Tokens made far ahead of their time would be taken.",
            mend=f"Set it to {WIDEST_SKEW_SECONDS} or less, and the clocks by NTP.",
        )
    usual = Rates()
    wide = [
        f"rate.{option.key}"
        for option in OPTIONS.values()
        if option.section == "rate"
        and option.key != "max_keys"
        and getattr(settings.rate, option.key) > HARDLY_A_LIMIT * getattr(usual, option.key)
    ]
    if wide:
        yield warn(
            *wide,
            wrong="So many requests a minute are hardly a limit.",
            mend=f"Stay below {HARDLY_A_LIMIT} times the default.",
        )
    if settings.logging.level == "debug":
        yield warn(
            "logging.level",
            wrong="Debug lines tell apart who does what, by pseudonyms of the day.",
            mend="Set it back to warning when the fault is found.",
        )


def proxies_are_declared(settings: Settings) -> Iterator[Finding]:
    """Who may say where a client comes from."""
    server = settings.server
    try:
        networks = parse_networks(server.trusted_proxies or "")
    except BadNetworksError as error:
        yield refuse("server.trusted_proxies", wrong=f"{error}.", mend="List networks, divided by commas.")
        return
    if any(network.prefixlen == 0 for network in networks):
        yield refuse(
            "server.trusted_proxies",
            wrong="It trusts everybody, so every client could choose the address it is counted by.",
            mend="List the proxies' own networks only.",
        )
    if not is_public(settings) and not networks and _has_public_name(settings):
        yield warn(
            "server.public_url",
            "server.behind_proxy",
            wrong="Clients come from elsewhere, so a proxy stands in front; undeclared, all of them are "
            "counted as one address, which a single stranger can use up.",
            mend="Set server.behind_proxy = true.",
        )


def _has_public_name(settings: Settings) -> bool:
    try:
        origin = parse_origin(settings.server.public_url or "")
    except BadUrlError:
        return False
    return not is_loopback(origin.host)


def origins_are_readable(settings: Settings) -> Iterator[Finding]:
    """Which pages may call."""
    try:
        origins = parse_origins(settings.cors.origins or "")
    except BadUrlError as error:
        yield refuse(
            "cors.origins",
            wrong=f"One of them {error}.",
            mend=f"List origins such as https://app.example, or {EVERYBODY} alone.",
        )
        return
    clear = sorted(
        origin
        for origin in origins
        if origin != EVERYBODY and origin.startswith("http://") and not is_loopback(parse_origin(origin).host)
    )
    if clear and is_public(settings):
        yield refuse(
            "cors.origins",
            wrong=f"Whoever sits between could put a script into {clear[0]}, which travels in the clear.",
            mend="List https:// origins only.",
        )


def passkeys_are_bound_to_this_server(settings: Settings) -> Iterator[Finding]:
    """Where a passkey is good, and who may make one."""
    section = settings.login_passkey
    try:
        origin = public_origin(settings)
    except BadUrlError:
        origin = None
    for key, wrong, mend in passkey_problems(section, origin):
        yield refuse(f"login_passkey.{key}", wrong=wrong, mend=mend)
    if is_open_to_strangers(section, origin):
        yield warn(
            "login_passkey.registration",
            wrong="Anybody who finds this server may make an account on it.",
            mend="Leave it off where people are known: they add a passkey once they are logged in.",
        )


HARDENING = (
    secrets_are_nobodys_example,
    checks_are_not_weakened,
    proxies_are_declared,
    origins_are_readable,
    passkeys_are_bound_to_this_server,
)
