"""`python -m router.testing.conformance`: the suite as a command."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click
import httpx
import trio
from rich.console import Console

from router.identity.errors import IdentityFileError
from router.testing.conformance.accounts import Accounts, KeyFiles, open_directory
from router.testing.conformance.bench import Manners, find_service
from router.testing.conformance.registry import Check
from router.testing.conformance.report import as_json, exit_code, show_line, show_list, show_summary
from router.testing.conformance.runner import chosen, run
from router.testing.conformance.verdicts import Nonconformity, Verdict


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("words", nargs=-1)
@click.option("--base-url", help="Where the server is, such as https://chat.example.com.")
@click.option(
    "--plc",
    type=click.IntRange(1, 65_535),
    metavar="PORT",
    help="Be a DID directory on this port of 127.0.0.1, with new accounts for each check.",
)
@click.option(
    "--pds",
    type=click.IntRange(0, 65_535),
    default=0,
    metavar="PORT",
    help="With --plc: port of the PDS that those accounts have. Default: any free one.",
)
@click.option(
    "--account",
    "accounts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="A key file of an account that the server has; at least three. Give it once for each.",
)
@click.option(
    "--audience", metavar="DID", help="DID of the service. Default: what /.well-known/did.json says."
)
@click.option("--patience", default=60.0, show_default=True, help="Seconds a call waits for Retry-After.")
@click.option("--bucket", default=2, show_default=True, help="Seconds: no time in an answer may be finer.")
@click.option("--most-calls", default=2_000, show_default=True, help="A rate limit above this is not tried.")
@click.option("--strict", is_flag=True, help="A check that was skipped is no success.")
@click.option("--json", "in_json", is_flag=True, help="One JSON value on stdout, and nothing else.")
@click.option("--list", "listed", is_flag=True, help="List the checks with their reasons, and end.")
def main(
    words: tuple[str, ...],
    base_url: str | None,
    plc: int | None,
    pds: int,
    accounts: tuple[Path, ...],
    audience: str | None,
    patience: float,
    bucket: int,
    most_calls: int,
    strict: bool,
    in_json: bool,
    listed: bool,
) -> None:
    """Try whether a server keeps the contract: answers and errors by their lexicons, once-only sends, order,
    resume, membership, one commit an epoch, Welcomes, key packages, no sender, coarse times, limits.

    WORDS choose checks: those that have all of them in their area or name, such as `commits` or `welcomes
    fetch`. The server is asked over HTTP, server-sent events and WebSockets, and by nothing else, so it may
    be anybody's. It is written to: use one that is there for it.

    \b
    The suite acts as accounts that the server must believe in. Either it is their directory:
      ROOKERY_IDENTITY__PLC_URL=http://127.0.0.1:2582 ROOKERY_IDENTITY__LOOPBACK_HOSTS=127.0.0.1 \\
        rookery serve
      python -m router.testing.conformance --base-url http://127.0.0.1:3000 --plc 2582
    Or the server has them, and their keys are given:
      rookery account create conform-a ; rookery account create conform-b ; rookery account create conform-c
      python -m router.testing.conformance --base-url http://127.0.0.1:3000 \\
        --account conform-a.key.json --account conform-b.key.json --account conform-c.key.json

    \b
    Exit codes: 0 it conforms; 1 it does not; 2 used wrongly; 3 some checks could not be made.
    """
    checks = chosen(words)
    if not checks:
        raise click.UsageError(f"no check has all of these words: {' '.join(words)}; see --list")
    if listed:
        show_list(Console(highlight=False), checks)
        return
    if base_url is None:
        raise click.UsageError("--base-url is missing: where is the server?")
    if (plc is None) is (not accounts):
        raise click.UsageError("give either --plc PORT, or --account FILE for each account; see --help")
    manners = Manners(patience=patience, bucket=bucket, most_calls=most_calls)
    try:
        files = KeyFiles.load(accounts)
    except IdentityFileError as error:
        raise click.UsageError(str(error)) from error
    console = Console(stderr=in_json, quiet=in_json, highlight=False)
    try:
        verdicts = trio.run(_tried, base_url, audience, plc, pds, files, checks, manners, console)
    except (Nonconformity, httpx.TransportError, OSError) as error:
        click.echo(f"Error: {base_url}: {error}", err=True)
        sys.exit(3)
    code = exit_code(verdicts, strict=strict)
    if in_json:
        click.echo(as_json(base_url, verdicts, code))
    else:
        show_summary(console, verdicts)
    sys.exit(code)


async def _tried(
    base_url: str,
    audience: str | None,
    plc: int | None,
    pds: int,
    files: KeyFiles,
    checks: list[Check],
    manners: Manners,
    console: Console,
) -> list[Verdict]:
    async with httpx.AsyncClient(trust_env=False) as http:
        service = await find_service(http, base_url, audience)
    async with AsyncExitStack() as stack:
        accounts: Accounts = files
        if plc is not None:
            accounts = await stack.enter_async_context(open_directory(plc, pds))
        return await run(service, accounts, checks, manners, lambda verdict: show_line(console, verdict))


if __name__ == "__main__":
    main(prog_name="python -m router.testing.conformance")
