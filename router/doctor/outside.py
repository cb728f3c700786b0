"""The checks of others that the server depends on: the directory of did:plc, each identity provider.

They are asked as the server asks them, with its own parts and settings: what works here works there.
"""

import ssl
from collections.abc import AsyncIterator
from typing import Final

import attrs
import trio

from protocol import AccountDid
from router.config import BadUrlError, Settings
from router.config.login import IssuerError
from router.doctor.judge import Diagnosis, good, judge_directory, judge_provider, must_mend
from router.identity.lookup import Outcome, Unreachable
from router.identity.sources import sources, system_network
from router.login.discovery import ProviderClient
from router.login.errors import LoginError
from router.login.fetch import Fetch
from router.login.providers import Provider, providers

SECONDS: Final = 5.0
NOBODY: Final = AccountDid("did:plc:" + "a" * 24)
"""Well-formed and nobody's: a hash that no first operation will ever have, so a directory says that."""


async def look_outside(settings: Settings, endpoint: str) -> AsyncIterator[Diagnosis]:
    """One diagnosis each. `endpoint`: the origin at which browsers reach the server.

    Settings that the server would refuse are told elsewhere; nobody is asked by them.
    """
    try:
        yield await _directory(settings)
    except BadUrlError:
        pass
    try:
        found = providers(settings, endpoint)
    except IssuerError:
        return
    fetch = Fetch(min(settings.login.provider_timeout, SECONDS)) if found else None
    for provider in found.values():
        if fetch is not None:
            yield await _provider(provider, fetch)


async def _directory(settings: Settings) -> Diagnosis:
    identity = settings.identity
    if not identity.outside_accounts:
        return good("DID directory", "not asked: accounts of elsewhere are not wanted")
    try:
        plc = sources(attrs.evolve(identity, plc_verify_log=False), system_network(identity))["plc"]
    except (OSError, ssl.SSLError) as error:
        return must_mend("DID directory", f"identity.ca_file cannot be used: {error}", "Name a PEM file.")
    began = trio.current_time()
    outcome: Outcome = Unreachable("slow", shared=True)
    with trio.move_on_after(SECONDS):
        outcome = await plc.find(NOBODY)
    return judge_directory(identity.plc_url, outcome, trio.current_time() - began)


async def _provider(provider: Provider, fetch: Fetch) -> Diagnosis:
    began = trio.current_time()
    try:
        keys = await ProviderClient(provider, fetch).examine()
    except LoginError as error:
        return judge_provider(provider.id, provider.issuer, error.detail or error.error, 0.0)
    return judge_provider(provider.id, provider.issuer, keys, trio.current_time() - began)
