"""Every setting of the server: one frozen class per section, one line per setting.

Times are seconds, sizes are bytes, and a name that could be misread carries its unit. The bounds are what
the code can honour, not what is wise; what is unsafe in combination is judged in `check.py`.
"""

# ruff: noqa: RUF009 - `option` makes an attrs field, not a default shared by instances

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import attrs

from router.config.login import (
    Login,
    LoginAzure,
    LoginGoogle,
    LoginKeycloak,
    LoginOidc,
    LoginOkta,
    ProviderSection,
)
from router.config.mls import Mls
from router.config.options import Option, option, options_of
from router.config.passkey import LoginPasskey

_MIB = 1_048_576
_DAY = 86_400.0
_MOST_RATE = 1_000_000_000


@attrs.frozen(kw_only=True)
class Server:
    """The public listener."""

    host: str = option("127.0.0.1", "Address the public listener binds to.")
    port: int = option(3000, "Port of the public listener; 0 takes any free one.", minimum=0, maximum=65_535)
    public_url: str | None = option(
        None, "How clients reach this server, as scheme://host[:port]; default: http://localhost:PORT."
    )
    behind_proxy: bool = option(
        False, "A proxy in front ends TLS and is the only one that can reach this listener."
    )
    trusted_proxies: str | None = option(
        None,
        "Networks whose word about a client's address counts, as 10.0.0.0/8, 2001:db8::/32; "
        "default: with behind_proxy whoever connects, else nobody.",
    )
    forwarded_header: Literal["x-forwarded-for", "forwarded"] = option(
        "x-forwarded-for", "The header in which those proxies tell the address; no other is read."
    )
    max_connections: int = option(
        10_000, "Open connections at once; further ones are refused.", minimum=1, maximum=1_000_000
    )
    max_body_bytes: int = option(
        15 * _MIB, "Largest request body of any route.", unit="bytes", minimum=65_536, maximum=64 * _MIB
    )
    max_header_bytes: int = option(
        16_384, "Largest request line and headers together.", unit="bytes", minimum=1_024, maximum=_MIB
    )
    header_timeout: float = option(
        10.0, "A request's headers must be complete within this time.", unit="s", minimum=0.1, maximum=300
    )
    body_timeout: float = option(
        60.0, "A request's body must be complete within this time.", unit="s", minimum=0.1, maximum=3_600
    )
    send_timeout: float = option(
        20.0,
        "A peer that takes none of our bytes for so long is cut off.",
        unit="s",
        minimum=0.1,
        maximum=600,
    )
    keep_alive_timeout: float = option(
        60.0,
        "An idle connection between requests is closed after this.",
        unit="s",
        minimum=0.1,
        maximum=3_600,
    )
    graceful_timeout: float = option(
        20.0, "After SIGTERM, open requests and streams may take so long.", unit="s", minimum=0, maximum=600
    )


@attrs.frozen(kw_only=True)
class Admin:
    """The operator's listener: metrics, health in detail, the tree. Never for the public."""

    host: str = option("127.0.0.1", "Address the admin listener binds to.")
    port: int = option(9090, "Port of the admin listener; 0 takes any free one.", minimum=0, maximum=65_535)
    token: str | None = option(
        None, "Bearer token the admin listener asks for; required off loopback.", secret=True
    )


@attrs.frozen(kw_only=True)
class Service:
    """Who this server is to AT Protocol clients."""

    did: str | None = option(None, "DID of this service; default: did:web of the public URL's host.")
    aud_bare_did_accepted: bool = option(
        True, "Accept tokens whose `aud` is the service DID without its #fragment (counted)."
    )


@attrs.frozen(kw_only=True)
class Store:
    """The embedded SQLite store and its group-commit writer."""

    path: Path = option(Path("rookery-data"), "Data folder: database, lock and control socket.")
    synchronous: Literal["full", "normal"] = option(
        "full", "full: an answer survives a power cut; normal: it survives a killed process only."
    )
    writer: Literal["inline", "process"] = option(
        "process", "Where commits run: in the event loop, or in a process of their own."
    )
    max_batch_items: int = option(256, "Appends committed together at most.", minimum=1, maximum=100_000)
    max_batch_bytes: int = option(
        4 * _MIB,
        "Bytes committed together at most; one larger append goes alone.",
        unit="bytes",
        minimum=65_536,
        maximum=256 * _MIB,
    )
    queue_items: int = option(
        10_000, "Appends waiting for the writer; further ones get Retry-After.", minimum=1, maximum=10_000_000
    )
    queue_bytes: int = option(
        64 * _MIB,
        "Bytes waiting for the writer; further appends get Retry-After.",
        unit="bytes",
        minimum=65_536,
        maximum=4_096 * _MIB,
    )
    checkpoint_interval: float = option(
        2.0,
        "Between checkpoints of the write-ahead log while there are commits.",
        unit="s",
        minimum=0.1,
        maximum=3_600,
    )


@attrs.frozen(kw_only=True)
class Log:
    """What the log keeps of time and order."""

    received_bucket_seconds: int = option(
        2, "Times of messages are rounded down to a multiple of this.", unit="s", minimum=2, maximum=86_400
    )
    epoch_window: int = option(
        3, "An MLS message may be this many epochs behind the current one.", minimum=0, maximum=100
    )


@attrs.frozen(kw_only=True)
class Conversations:
    """The registry of conversation actors."""

    idle_timeout: float = option(
        120.0, "A conversation nobody asks is parked after this.", unit="s", minimum=0.1, maximum=_DAY
    )
    mailbox_items: int = option(64, "Commands waiting for one conversation.", minimum=1, maximum=100_000)
    mailbox_bytes: int = option(
        16 * _MIB, "Bytes waiting for one conversation.", unit="bytes", minimum=1_024, maximum=1_024 * _MIB
    )
    cap: int = option(10_000, "Active conversations at once.", minimum=1, maximum=10_000_000)
    quarantine_crashes: int = option(
        3,
        "More crashes of one conversation within the window, and it is set aside.",
        minimum=1,
        maximum=1_000,
    )
    quarantine_window: float = option(
        60.0, "Window in which those crashes count.", unit="s", minimum=0.1, maximum=_DAY
    )
    quarantine_time: float = option(
        60.0, "A conversation set aside refuses commands for so long.", unit="s", minimum=0.1, maximum=_DAY
    )
    storm_crashes: int = option(
        100,
        "More crashes over all conversations in the storm window, and all are started anew.",
        minimum=1,
        maximum=1_000_000,
    )
    storm_window: float = option(10.0, "Window of the crash storm.", unit="s", minimum=0.1, maximum=_DAY)


@attrs.frozen(kw_only=True)
class Devices:
    """Connected devices and what waits for each."""

    feed_items: int = option(1_024, "Events waiting for one connection.", minimum=1, maximum=1_000_000)
    feed_bytes: int = option(
        4 * _MIB,
        "Bytes waiting for one connection; one larger event waits alone.",
        unit="bytes",
        minimum=1_024,
        maximum=1_024 * _MIB,
    )
    max_connections_per_device: int = option(
        5, "Streams and sessions of one device; the oldest gives way.", minimum=1, maximum=1_000
    )


@attrs.frozen(kw_only=True)
class Session:
    """WebSocket sessions (`rookery.v1`), AT Protocol subscriptions and SSE streams."""

    max_in_flight: int = option(256, "Sends without an answer in one session.", minimum=1, maximum=10_000)
    max_credit: int = option(10_000, "Credit a client may hold.", minimum=1, maximum=1_000_000)
    max_frame_bytes: int = option(
        15 * _MIB,
        "Largest WebSocket message a client may send.",
        unit="bytes",
        minimum=1_024,
        maximum=64 * _MIB,
    )
    heartbeat_seconds: int = option(
        30,
        "A WebSocket is pinged after so much silence and closed after twice as much.",
        unit="s",
        minimum=1,
        maximum=3_600,
    )
    comment_seconds: int = option(
        15, "An SSE stream gets a comment after so much silence.", unit="s", minimum=1, maximum=3_600
    )
    hello_timeout: float = option(
        10.0, "A session must say hello within this time.", unit="s", minimum=0.1, maximum=300
    )
    cursor_interval: float = option(
        1.0, "A session hears of its cursor at most once in this time.", unit="s", minimum=0, maximum=60
    )


@attrs.frozen(kw_only=True)
class Auth:
    """Service-auth tokens."""

    max_token_lifetime: int = option(
        3_600, "Longest `exp - iat` accepted.", unit="s", minimum=1, maximum=86_400
    )
    clock_skew: int = option(
        30,
        "How far ahead a caller's clock may be: `iat` may lie so far in the future.",
        unit="s",
        minimum=0,
        maximum=300,
    )


@attrs.frozen(kw_only=True)
class Identity:
    """Accounts that live elsewhere (did:plc, did:web): where their keys are looked up, and how often."""

    outside_accounts: bool = option(True, "Accept accounts whose DID document is not on this server.")
    plc_url: str = option("https://plc.directory", "The directory of did:plc, as https://host[:port].")
    plc_verify_log: bool = option(
        False, "Prove each did:plc document from its signed log instead of believing the directory."
    )
    loopback_hosts: str | None = option(
        None, "Host names, with commas, whose did:web may be on this machine; for development only."
    )
    superadmins: str | None = option(
        None, "DIDs, with commas, of the operators who may see the statistics of the whole server."
    )
    ca_file: Path | None = option(
        None, "Certificate authorities (PEM) for the directory and did:web hosts; default: the public ones."
    )
    lookup_timeout: float = option(
        3.0, "One look for a DID document takes no longer.", unit="s", minimum=0.1, maximum=60
    )
    max_lookups: int = option(
        32, "Looks at once for each DID method; further ones wait their turn.", minimum=1, maximum=1_000
    )
    documents: int = option(10_000, "DID documents held.", minimum=1, maximum=10_000_000)
    document_bytes: int = option(
        32 * _MIB,
        "Bytes of DID documents held.",
        unit="bytes",
        minimum=65_536,
        maximum=4_096 * _MIB,
    )
    document_fresh: float = option(
        600.0, "A document is used so long before it is looked up again.", unit="s", minimum=0, maximum=_DAY
    )
    document_stale: float = option(
        _DAY,
        "A document is used so long while whoever has it does not answer.",
        unit="s",
        minimum=0,
        maximum=30 * _DAY,
    )
    absence: float = option(
        60.0, "That there is no document is believed so long.", unit="s", minimum=0, maximum=3_600
    )
    refresh_interval: float = option(
        60.0,
        "Between two looks at one DID that failed signatures bring about.",
        unit="s",
        minimum=1,
        maximum=3_600,
    )
    refreshes_per_minute: int = option(
        300, "Looks that failed signatures bring about, over all DIDs.", minimum=1, maximum=100_000
    )


@attrs.frozen(kw_only=True)
class Blocks:
    """Blocks between accounts: who is not brought together in a conversation, by accounts' own records."""

    enabled: bool = option(
        True, "Look at accounts' app.bsky.graph.block records before they are in one conversation."
    )
    when_unknown: Literal["refuse", "allow"] = option(
        "refuse", "Where records cannot be read: refuse with Retry-After, or allow what they might forbid."
    )
    fresh: float = option(
        60.0, "Records are used so long before they are read again.", unit="s", minimum=0, maximum=3_600
    )
    unknown: float = option(
        30.0,
        "That records cannot be read is believed so long; also the Retry-After then.",
        unit="s",
        minimum=1,
        maximum=3_600,
    )
    stale: float = option(
        _DAY,
        "A block that was seen counts so long while the account's PDS does not answer.",
        unit="s",
        minimum=0,
        maximum=30 * _DAY,
    )
    lookup_timeout: float = option(
        10.0,
        "Reading one account's records takes no longer, waiting for a turn included.",
        unit="s",
        minimum=0.1,
        maximum=25,
    )
    request_timeout: float = option(
        3.0, "One request to a PDS takes no longer.", unit="s", minimum=0.1, maximum=25
    )
    max_lookups: int = option(
        32, "Requests to PDSs at once; further ones wait their turn.", minimum=1, maximum=1_000
    )
    max_lookups_per_host: int = option(8, "Requests to one PDS at once.", minimum=1, maximum=1_000)
    requests_per_host: int = option(
        600,
        "Requests to one PDS; beyond that its accounts' records are unknown.",
        unit="a minute",
        minimum=1,
        maximum=1_000_000,
    )
    max_records: int = option(
        5_000,
        "Block records read of one account; among more, a block that was not found is unknown.",
        minimum=100,
        maximum=1_000_000,
    )
    max_bytes: int = option(
        4 * _MIB,
        "Bytes of answers read for one account.",
        unit="bytes",
        minimum=65_536,
        maximum=256 * _MIB,
    )
    accounts: int = option(10_000, "Accounts whose blocks are held.", minimum=1, maximum=10_000_000)
    cache_bytes: int = option(
        32 * _MIB, "Bytes of blocks held.", unit="bytes", minimum=65_536, maximum=4_096 * _MIB
    )
    claim_interval: float = option(
        5.0,
        "Between two looks at one account that told changes of its blocks bring about.",
        unit="s",
        minimum=0,
        maximum=3_600,
    )
    claims_per_minute: int = option(
        300, "Looks that told changes of blocks bring about, over all accounts.", minimum=1, maximum=100_000
    )


@attrs.frozen(kw_only=True)
class Limits:
    """How large things may be."""

    max_members: int = option(1_000, "Accounts in one conversation.", minimum=1, maximum=100_000)
    max_devices: int = option(10, "Devices of one account.", minimum=1, maximum=1_000)
    max_api_keys: int = option(20, "API keys of one account.", minimum=1, maximum=1_000)
    page_bytes: int = option(
        16 * _MIB,
        "Bytes on a page; the first item is always given.",
        unit="bytes",
        minimum=65_536,
        maximum=256 * _MIB,
    )


@attrs.frozen(kw_only=True)
class Rates:
    """How often: calls of one account in a minute, unless the line names another.

    Each is a bucket of that size that fills again within a minute.
    """

    send: int = option(
        100,
        "sendMessage, over HTTP and in sessions together.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    publish_key_package: int = option(
        20, "publishKeyPackage.", unit="a minute", minimum=1, maximum=_MOST_RATE
    )
    publish_key_packages: int = option(
        50,
        "publishKeyPackages, each call with its whole batch.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    add_members: int = option(10, "addMembers.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    remove_member: int = option(10, "removeMember.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    register_device: int = option(10, "registerDevice.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    create_convo: int = option(5, "createConvo.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    report_member: int = option(5, "reportMember.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    check_blocks: int = option(
        30,
        "checkBlocks and getBlockStatus: each may look at as many PDSs as it has accounts.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    read: int = option(500, "Queries.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    stream: int = option(
        200, "Openings of streams and sessions.", unit="a minute", minimum=1, maximum=_MOST_RATE
    )
    default: int = option(200, "Every other method.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    failed_auth: int = option(
        60,
        "Refused tokens from one address; beyond that its requests are not looked at.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    preflight: int = option(
        300, "CORS preflights from one address.", unit="a minute", minimum=1, maximum=_MOST_RATE
    )
    login: int = option(30, "Logins begun from one address.", unit="a minute", minimum=1, maximum=_MOST_RATE)
    claim_key_package: int = option(
        60,
        "Key packages taken from one account, by whomever.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    claim_from_one: int = option(
        20,
        "Key packages that one account takes from another; fewer than claim_key_package, so that nobody "
        "keeps the others away from it.",
        unit="a minute",
        minimum=1,
        maximum=_MOST_RATE,
    )
    rejoin: int = option(
        10,
        "Requests of one device to be added to one conversation again.",
        unit="an hour",
        minimum=1,
        maximum=_MOST_RATE,
    )
    reissue_welcome: int = option(
        3,
        "Requests of one device for another Welcome to one conversation.",
        unit="an hour",
        minimum=1,
        maximum=_MOST_RATE,
    )
    max_keys: int = option(
        100_000, "Callers remembered of each kind; about 120 bytes each.", minimum=2, maximum=10_000_000
    )


@attrs.frozen(kw_only=True)
class Cors:
    """Which web pages of other origins may call (CORS)."""

    origins: str | None = option(
        None, 'Origins, as "https://app.example, https://beta.example", or * for all; default: none.'
    )
    max_age: int = option(
        7_200, "How long a browser keeps the answer to a preflight.", unit="s", minimum=0, maximum=86_400
    )


@attrs.frozen(kw_only=True)
class Supervision:
    """How often parts may be restarted, and how long they may take to stop."""

    root_restarts: int = option(3, "Restarts under the root within its period.", minimum=0, maximum=1_000)
    root_period: float = option(60.0, "Period of the root's budget.", unit="s", minimum=0.1, maximum=_DAY)
    restarts: int = option(
        5, "Restarts under an inner supervisor within its period.", minimum=0, maximum=1_000
    )
    period: float = option(30.0, "Period of an inner budget.", unit="s", minimum=0.1, maximum=_DAY)
    backoff_initial: float = option(0.2, "First wait before a restart.", unit="s", minimum=0, maximum=600)
    backoff_maximum: float = option(
        30.0, "Longest wait before a restart.", unit="s", minimum=0, maximum=3_600
    )
    stop_timeout: float = option(
        5.0, "A part asked to stop may take so long before it is cancelled.", unit="s", minimum=0, maximum=600
    )


@attrs.frozen(kw_only=True)
class Observe:
    """Health checks and the watch over the event loop."""

    health_timeout: float = option(
        2.0, "A health check that takes longer is red.", unit="s", minimum=0.1, maximum=60
    )
    loop_check_interval: float = option(
        0.1, "How often the event loop's delay is measured.", unit="s", minimum=0.01, maximum=10
    )
    loop_stall_threshold: float = option(
        0.05, "A delay longer than this counts as a stall.", unit="s", minimum=0.001, maximum=60
    )


@attrs.frozen(kw_only=True)
class Logging:
    """What is logged, and how."""

    format: Literal["auto", "json", "pretty"] = option(
        "auto", "json: one object a line; pretty: for people; auto: pretty on a terminal."
    )
    level: Literal["debug", "info", "warning", "error"] = option(
        "warning", "Least level logged; the line per request and per exit always is."
    )
    exception_messages: bool = option(
        False, "Log the text of exceptions too, which may name people; for development."
    )


@attrs.frozen(kw_only=True)
class Settings:
    """All sections. Immutable: a running server never changes under its code's feet."""

    server: Server = attrs.field(factory=Server)
    admin: Admin = attrs.field(factory=Admin)
    service: Service = attrs.field(factory=Service)
    store: Store = attrs.field(factory=Store)
    log: Log = attrs.field(factory=Log)
    conversations: Conversations = attrs.field(factory=Conversations)
    devices: Devices = attrs.field(factory=Devices)
    session: Session = attrs.field(factory=Session)
    auth: Auth = attrs.field(factory=Auth)
    identity: Identity = attrs.field(factory=Identity)
    login: Login = attrs.field(factory=Login)
    login_okta: LoginOkta = attrs.field(factory=LoginOkta)
    login_azure: LoginAzure = attrs.field(factory=LoginAzure)
    login_keycloak: LoginKeycloak = attrs.field(factory=LoginKeycloak)
    login_google: LoginGoogle = attrs.field(factory=LoginGoogle)
    login_oidc: LoginOidc = attrs.field(factory=LoginOidc)
    blocks: Blocks = attrs.field(factory=Blocks)
    further_logins: Mapping[str, ProviderSection] = attrs.field(factory=dict)
    """Sections that the operator has named, such as `login_keycloak_partners` (`named.py`)."""
    login_passkey: LoginPasskey = attrs.field(factory=LoginPasskey)
    mls: Mls = attrs.field(factory=Mls)
    limits: Limits = attrs.field(factory=Limits)
    rate: Rates = attrs.field(factory=Rates)
    cors: Cors = attrs.field(factory=Cors)
    supervision: Supervision = attrs.field(factory=Supervision)
    observe: Observe = attrs.field(factory=Observe)
    logging: Logging = attrs.field(factory=Logging)


SECTIONS: dict[str, type[attrs.AttrsInstance]] = {
    "server": Server,
    "admin": Admin,
    "service": Service,
    "store": Store,
    "log": Log,
    "conversations": Conversations,
    "devices": Devices,
    "session": Session,
    "auth": Auth,
    "identity": Identity,
    "login": Login,
    "login_okta": LoginOkta,
    "login_azure": LoginAzure,
    "login_keycloak": LoginKeycloak,
    "login_google": LoginGoogle,
    "login_oidc": LoginOidc,
    "blocks": Blocks,
    "login_passkey": LoginPasskey,
    "mls": Mls,
    "limits": Limits,
    "rate": Rates,
    "cors": Cors,
    "supervision": Supervision,
    "observe": Observe,
    "logging": Logging,
}

OPTIONS: dict[str, Option] = {
    found.path: found for section, cls in SECTIONS.items() for found in options_of(section, cls)
}
"""Every option by its path (`server.port`), in the order of the sections."""

PROVIDERS: Final = ("login_okta", "login_azure", "login_keycloak", "login_google", "login_oidc")
"""Sections of identity providers; of each kind there may be further ones (`named.py`)."""
