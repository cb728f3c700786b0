"""`rookery resolve`: an account that lives elsewhere, looked at as the server looks."""

from pathlib import Path

import attrs
import click
import trio

from protocol import AccountDid, InvalidId
from router.cli.calls import run
from router.cli.console import Console
from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.config import Identity, loopback_hosts
from router.identity.did import parse_issuer
from router.identity.document import ATPROTO_KEY, DidDocument, KeyCache
from router.identity.errors import (
    AbsentDidError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    UnsupportedDidError,
)
from router.identity.fetch import FetchFailed
from router.identity.handles import DnsTxt, HandleError, TxtRecords, did_of_handle, names_handle
from router.identity.sources import Network, outside_resolver, system_network, web_fetcher


@attrs.frozen
class Looked:
    """What was found of an account."""

    did: AccountDid
    handle: str | None
    """The handle asked for, or the one that the document claims."""
    handle_holds: bool | None
    """Whether handle and document name each other; None when there is no handle."""
    key: str
    algorithm: str
    services: dict[str, str]


@click.command("resolve")
@click.argument("name", metavar="HANDLE-or-DID")
@settings_options
@json_option
def command(
    name: str, config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Look up HANDLE-or-DID: an account that lives elsewhere.

    Asks the same directory and hosts, under the same rules, as the server with these settings: so it shows
    why a caller is refused as DidResolutionFailed. Accounts of this router: `rookery account show`.

    \b
    Examples:
      rookery resolve alice.bsky.social
      rookery resolve did:web:example.com --json | jq -r .key
      rookery resolve did:plc:ewvi7nxzyoun6zhxrhs64oiz --set identity.plc_verify_log=true
    """
    identity = read_settings(config, data, settings).settings.identity
    looked = run(look, name, identity, system_network(identity), DnsTxt())
    _show(console_of(as_json), looked)


async def look(name: str, identity: Identity, network: Network, txt: TxtRecords) -> Looked:
    """The account of a handle or DID; `CannotDo` with a sentence otherwise."""
    handle = None if name.startswith("did:") else name.removeprefix("@").lower()
    try:
        did = (
            parse_issuer(name, own="", loopback_hosts=loopback_hosts(identity))
            if handle is None
            else await _did(handle, identity, network, txt)
        )
    except InvalidId:
        raise CannotDo(f"{name} is not a DID that an account can have: did:plc or did:web.") from None
    document = await _document(did, identity, network)
    if handle is not None:
        holds: bool | None = names_handle(document, handle)
    else:
        handle = next((aka[5:] for aka in document.also_known_as if aka.startswith("at://")), None)
        holds = None if handle is None else await _leads_to(handle, did, identity, network, txt)
    try:
        key = KeyCache().key_of(document)
    except BadDocumentError as error:
        raise CannotDo(f"{did} has a document, but {error}: it cannot sign in anywhere.") from None
    method = next(m for m in document.verification_methods if m.id in (ATPROTO_KEY, did + ATPROTO_KEY))
    services = {entry.id.removeprefix(did): entry.endpoint for entry in document.services}
    return Looked(did, handle, holds, method.multibase, key.public.curve.algorithm, services)


async def _did(handle: str, identity: Identity, network: Network, txt: TxtRecords) -> AccountDid:
    try:
        with trio.fail_after(2 * identity.lookup_timeout):
            return await did_of_handle(handle, txt=txt, fetcher=web_fetcher(identity, network))
    except HandleError as error:
        raise CannotDo(f"There is no such account: {error}.") from None
    except (trio.TooSlowError, FetchFailed):
        raise CannotDo(f"Nobody who could know {handle} answered in time; try again later.") from None


async def _leads_to(
    handle: str, did: AccountDid, identity: Identity, network: Network, txt: TxtRecords
) -> bool:
    try:
        return await _did(handle, identity, network, txt) == did
    except CannotDo:
        return False


async def _document(did: AccountDid, identity: Identity, network: Network) -> DidDocument:
    resolver = outside_resolver(identity, network)
    error: ResolutionError
    async with trio.open_nursery() as nursery:
        await nursery.start(resolver.run)
        try:
            return await resolver.resolve(did)
        except ResolutionError as failed:
            error = failed
        finally:
            nursery.cancel_scope.cancel()
    match error:
        case UnsupportedDidError():
            told = "Accounts of elsewhere are not looked up; set identity.outside_accounts = true."
        case AbsentDidError():
            told = f"There is no {did}, or it was given up."
        case BadDocumentError():
            told = f"What is served for {did} is not used: {error}."
        case DirectoryAwayError():
            told = f"The directory {identity.plc_url} does not answer ({error}); try again later."
        case _:
            told = f"The host of {did} does not answer ({error})."
    raise CannotDo(told)


def _show(console: Console, looked: Looked) -> None:
    if console.json:
        console.data(
            {
                "did": looked.did,
                "handle": looked.handle,
                "handleHolds": looked.handle_holds,
                "key": looked.key,
                "algorithm": looked.algorithm,
                "services": looked.services,
            }
        )
        return
    handle = _plain(looked.handle or "none")
    if looked.handle_holds is False:
        handle += "  (not confirmed: handle and DID do not name each other)"
    lines = [f"DID      {looked.did}", f"handle   {handle}", f"key      {looked.key} ({looked.algorithm})"]
    lines += [_plain(f"service  {name} {endpoint}") for name, endpoint in looked.services.items()]
    console.line("\n".join(lines))


def _plain(text: str) -> str:
    """A stranger's text on a terminal: nothing in it moves the cursor or changes a colour."""
    return "".join(character if character.isprintable() else "?" for character in text)
