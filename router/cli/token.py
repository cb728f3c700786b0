"""`rookery token`: a service-auth token for one request, for curl and for looking at."""

import time
from pathlib import Path

import click

from protocol import Nsid
from router.cli.calls import read_key
from router.cli.options import console_of, json_option, key_option
from router.client.home import home_service
from router.identity.service import SERVICE_FRAGMENT
from router.identity.tokens import DEFAULT_LIFETIME, mint_token
from schema import LEXICONS


@click.command("token", short_help="Mint a token for one request.")
@key_option
@click.option("--lxm", metavar="NSID", required=True, help="The method that the token is for.")
@click.option(
    "--lifetime",
    type=click.IntRange(1, 3600),
    default=DEFAULT_LIFETIME,
    show_default=True,
    help="Seconds for which it is good.",
)
@click.option("--aud", metavar="DID", help="DID of the server.  [default: the one the account lies below]")
@json_option
def command(key_file: Path, lxm: str, lifetime: int, aud: str | None, as_json: bool) -> None:
    """Mint a service-auth token: a JWT that lets the account call one method, once.

    The token is signed with the account's key and names the method (lxm), the server (aud), an end
    (exp) and a number that makes it good for a single request (jti). Nobody is asked for it.

    \b
    Examples:
      rookery token --key alice.key.json --lxm chat.rookery.getConvos
      curl -H "Authorization: Bearer $(rookery token --key alice.key.json --lxm chat.rookery.getConvos)" \\
        http://localhost:3000/xrpc/chat.rookery.getConvos
    """
    if lxm not in LEXICONS:
        near = ", ".join(
            sorted(name for name in LEXICONS if name.rpartition(".")[2] == lxm.rpartition(".")[2])
        )
        hint = f" Did you mean {near}?" if near else ""
        raise click.BadParameter(f"{lxm} is not a method of this server.{hint}", param_hint="--lxm")
    key = read_key(key_file)
    service = aud or home_service(key.did)
    audience = service if "#" in service else service + SERVICE_FRAGMENT
    now = int(time.time())
    token = mint_token(key, key.did, audience, Nsid(lxm), now, lifetime)
    console = console_of(as_json)
    if as_json:
        console.data({"token": token, "iss": key.did, "aud": audience, "lxm": lxm, "exp": now + lifetime})
    else:
        console.line(token)
