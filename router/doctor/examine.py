"""The checks: each looks at one thing and says what it found. None of them changes anything.

With a server on the data folder its own word is asked for (over the control socket) and its process is looked
at; without one, whether it could start. Nothing waits longer than a few seconds.
"""

import platform
import resource
import shutil
import socket
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path

import attrs
import httpx

from router.admin import ControlClient, ControlError, ServerNotRunning
from router.config import (
    Loaded,
    check,
    check_environment,
    check_files,
    is_loopback,
    public_origin,
    service_did,
)
from router.control import Status
from router.doctor.judge import (
    Diagnosis,
    advice,
    good,
    judge_clock,
    judge_disk,
    judge_document,
    judge_files,
    judge_findings,
    judge_health,
    judge_version,
    judge_wal,
    must_mend,
)
from router.doctor.outside import look_outside
from router.identity.did import WEB_PREFIX
from router.identity.service import ServiceIdentity
from router.store.sqlite.database import VERSION, connect_reader, versions
from router.store.sqlite.folder import database_path

_SECONDS = 5.0
_OURS = version("rookery")


@attrs.frozen
class Patient:
    """A configuration, and the server that runs with it, if one does."""

    loaded: Loaded
    environ: Mapping[str, str]
    status: Status | None
    service: ServiceIdentity

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.loaded.settings.store.path


async def examine(loaded: Loaded, environ: Mapping[str, str]) -> AsyncIterator[Diagnosis]:
    """Every check's diagnoses, as they come."""
    settings = loaded.settings
    for found in judge_findings("settings", (*check(settings), *check_environment(environ))):
        yield found
    for found in judge_findings("files", check_files(loaded)):
        yield found
    status, server = await _server(settings.store.path)
    yield server
    if status is None:
        service = ServiceIdentity(service_did(settings), str(public_origin(settings)))
    else:
        service = ServiceIdentity(status.did, status.public_url)
        for found in (judge_version(_OURS, status.version), *judge_health(status.checks)):
            yield found
    patient = Patient(loaded, environ, status, service)
    for found in (*_ports(patient), *_store(patient), _disk(patient), _files(patient)):
        yield found
    skew: float | None = None
    async for found, ahead in _documents(patient):
        skew = ahead if skew is None else skew
        yield found
    async for found in look_outside(settings, service.endpoint):
        yield found
    yield judge_clock(time.time(), _newest(patient.folder), skew)
    yield good("software", _software())


async def _server(folder: Path) -> tuple[Status | None, Diagnosis]:
    try:
        status = await ControlClient(folder).ask("status", answer=Status, timeout=_SECONDS)
    except ServerNotRunning:
        return None, good("server", f"none runs on {folder}; this is about its next start")
    except ControlError as error:
        return None, must_mend("server", str(error), "See its log, or restart it.")
    if status.ready:
        return status, good("server", f"process {status.pid} serves {status.public_url}")
    return status, must_mend("server", f"process {status.pid} is not ready", "See the checks below.")


def _ports(patient: Patient) -> Iterator[Diagnosis]:
    settings = patient.loaded.settings
    for name, host, port in (
        ("server", settings.server.host, settings.server.port),
        ("admin", settings.admin.host, settings.admin.port),
    ):
        where = f"{host}:{port}"
        if not port:
            yield good(f"{name} port", "any free one")
        elif patient.status is not None:
            yield _answers(name, host, port, where)
        else:
            yield _is_free(name, host, port, where)


def _answers(name: str, host: str, port: int, where: str) -> Diagnosis:
    try:
        with socket.create_connection((_reachable(host), port), timeout=_SECONDS):
            return good(f"{name} port", f"{where} answers")
    except OSError as error:
        mend = "Look whether the server runs with other settings than these (--config), or a firewall is up."
        return must_mend(f"{name} port", f"{where} does not answer: {error.strerror or error}", mend)


def _is_free(name: str, host: str, port: int, where: str) -> Diagnosis:
    try:
        with socket.create_server((host, port), family=_family(host)):
            return good(f"{name} port", f"{where} is free")
    except OSError as error:
        mend = f"Stop what has it, or choose another with {name}.host and {name}.port."
        return must_mend(f"{name} port", f"{where} cannot be listened on: {error.strerror or error}", mend)


def _store(patient: Patient) -> Iterator[Diagnosis]:
    path = database_path(patient.folder)
    if not path.exists():
        yield good("database", "there is none yet; the first start makes it")
        return
    try:
        with closing(connect_reader(path)) as connection:
            found, compatible = versions(connection)
    except sqlite3.Error as error:
        yield must_mend("database", f"{path} cannot be read: {error}", "Restore it from a backup.")
        return
    if compatible > VERSION:
        yield must_mend(
            "database",
            f"it has schema version {found} and needs a Rookery that knows {compatible}",
            "Install the newer Rookery, or start from a backup made before it ran.",
        )
    elif found < VERSION:
        mend = "The next start brings it there, and so does `rookery migrate`."
        yield advice("database", f"it has schema version {found}; this Rookery knows {VERSION}", mend)
    else:
        yield good("database", f"schema version {found}, {path.stat().st_size // 1024:,} KiB")
    wal = path.with_name(path.name + "-wal")
    yield judge_wal(wal.stat().st_size if wal.exists() else 0)


def _disk(patient: Patient) -> Diagnosis:
    folder = patient.folder.absolute()
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return judge_disk(usage.free, usage.total)


def _files(patient: Patient) -> Diagnosis:
    connections = patient.loaded.settings.server.max_connections
    if patient.status is None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # the server raises its own limit to this
        return judge_files(_endless(hard), None, connections)
    process = Path("/proc") / str(patient.status.pid)
    try:
        lines = (process / "limits").read_text().splitlines()
        soft = next(line for line in lines if line.startswith("Max open files")).split()[3]
        used = sum(1 for _ in (process / "fd").iterdir())
    except (OSError, StopIteration):
        return advice("file descriptors", "this user may not look at the server", "Ask as the server's user.")
    return judge_files(_endless(-1) if soft == "unlimited" else int(soft), used, connections)


def _endless(limit: int) -> int:
    return 1 << 62 if limit == resource.RLIM_INFINITY else limit


async def _documents(patient: Patient) -> AsyncIterator[tuple[Diagnosis, float | None]]:
    """The service's DID document: as the server gives it, and as the world gets it."""
    service, settings = patient.service, patient.loaded.settings
    if not service.did.startswith(WEB_PREFIX):
        yield good("DID document", f"{service.did} is described elsewhere"), None
        return
    if patient.status is None:
        return
    origin = public_origin(settings, bound_port=settings.server.port)
    if settings.server.port:
        host = _reachable(settings.server.host)
        url = f"http://{f'[{host}]' if ':' in host else host}:{settings.server.port}"
        yield await _document(service, url, "the server", {"host": origin.netloc})
    if not is_loopback(origin.host):
        yield await _document(service, str(origin), "the public URL", {})


async def _document(
    service: ServiceIdentity, url: str, where: str, headers: Mapping[str, str]
) -> tuple[Diagnosis, float | None]:
    try:
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
            answer = await http.get(f"{url}/.well-known/did.json", headers=headers)
            document: object = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        found = f"{url} does not give it: {type(error).__name__}"
        mend = "Look whether the proxy runs, its certificate is good, and DNS leads to it."
        return must_mend(f"DID document ({where})", found, mend), None
    skew = None
    if "date" in answer.headers:
        skew = parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    return judge_document(document, service.did, service.audience, service.endpoint, where), skew


def _newest(folder: Path) -> float | None:
    try:
        return max((path.stat().st_mtime for path in folder.iterdir()), default=None)
    except OSError:
        return None


def _reachable(host: str) -> str:
    """Where a listener bound to «every address» is met on this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _software() -> str:
    parts = (f"rookery {_OURS}", f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}")
    return ", ".join((*parts, ssl.OPENSSL_VERSION))
