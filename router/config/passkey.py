"""Settings of passkeys, and what keeps them from working or from being safe.

A passkey is bound to the *relying party id*, a domain: the host of the public URL, unless another is set.
Browsers let a page use its own host or a domain above it. The wider the domain, the more hosts may ask for
the passkey, so no more than one's own should be named; what they get is refused here all the same, for only
the public URL is taken as origin (`router/login/passkey/ceremony.py`).
"""

import ipaddress
import re
from collections.abc import Iterator

import attrs

from router.config.options import option
from router.config.origin import Origin, is_loopback

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_MAX_DOMAIN = 253


@attrs.frozen(kw_only=True)
class LoginPasskey:
    """Login with passkeys, at the public URL in the browser of whoever logs in."""

    enabled: bool = option(False, "Offer passkeys, to log in and to add to an account one is logged in to.")
    registration: bool = option(False, "Let anybody make an account here with a passkey.")
    rp_id: str | None = option(
        None, "Domain that passkeys are bound to; default: the public URL's host. Another one voids them all."
    )
    name: str = option("Rookery", "What people read beside their passkey.")
    max_per_account: int = option(10, "Passkeys of one account.", minimum=1, maximum=100)
    ceremony_seconds: int = option(
        300, "A person may take so long over one use of a passkey.", unit="s", minimum=30, maximum=900
    )
    session_seconds: int = option(
        600,
        "One may look after one's passkeys for so long without using one.",
        unit="s",
        minimum=60,
        maximum=3_600,
    )

    def relying_party(self, origin: Origin) -> str:
        """The domain that passkeys of this server are bound to."""
        return origin.host if self.rp_id is None else self.rp_id


def passkey_problems(section: LoginPasskey, origin: Origin | None) -> Iterator[tuple[str, str, str]]:
    """Key, what is wrong, how to mend it: of whatever keeps passkeys from working, where they are offered.

    `origin`: the public URL's, None where it cannot be read (which is another rule's to say).
    """
    if not section.enabled:
        if section.registration:
            yield "registration", "Nobody can register where passkeys are not offered.", "Set enabled = true."
        return
    if not 1 <= len(section.name) <= 64 or not section.name.isprintable():
        yield "name", "It is not between 1 and 64 printable characters.", "Write one, as your server's name."
    if origin is None:
        return
    if not _is_domain(origin.host):
        yield (
            "enabled",
            f"Browsers bind passkeys to domains, and {origin.host} is an address.",
            "Give server.public_url a host name (http://localhost for development).",
        )
        return
    party = section.relying_party(origin)
    if not _is_domain(party):
        yield "rp_id", "It is not a domain in lower case.", "Leave it out, or write one such as example.com."
    elif party != origin.host and (not origin.host.endswith(f".{party}") or "." not in party):
        yield (
            "rp_id",
            f"Browsers refuse it on {origin.host}: a page has passkeys of its own host or a domain above it.",
            "Leave it out, or name a registered domain that server.public_url lies in.",
        )


def is_open_to_strangers(section: LoginPasskey, origin: Origin | None) -> bool:
    """Whether anybody on the network may make accounts."""
    return section.enabled and section.registration and origin is not None and not is_loopback(origin.host)


def _is_domain(text: str) -> bool:
    if len(text) > _MAX_DOMAIN or _DOMAIN.fullmatch(text) is None:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return not text.rpartition(".")[2].isdigit()
    return False
