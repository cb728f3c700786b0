"""Every environment variable of the two servers Rookery follows, and what has become of it here.

An operator who comes from mls-ds or Unhidra has these in a compose file. Each is listed: renamed (ours does
the same), dropped (with the reason), not built yet, or unsafe. An unsafe one found in the environment is a
refusal to start, because its presence says that somebody expects a check to be off. None of them is ever
read for its value.
"""

import enum
from collections.abc import Mapping

import attrs

from router.config.findings import Finding, Severity

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


class Fate(enum.Enum):
    """What has become of a variable; the value is how the reference names it."""

    RENAMED = "ours"
    DROPPED = "not needed"
    LATER = "not built yet"
    IF_ON = "refused when on"
    IF_OFF = "refused unless on"
    IF_SET = "refused when set"


@attrs.frozen
class SeedVariable:
    """One variable of a seed: for RENAMED `answer` is the path of our option, otherwise the reason."""

    name: str
    seed: str
    fate: Fate
    answer: str
    common: bool = False
    """Also used by unrelated software, so that finding it set says nothing."""


def _mls(fate: Fate, answer: str, *names: str, common: bool = False) -> tuple[SeedVariable, ...]:
    return tuple(SeedVariable(name, "mls-ds", fate, answer, common) for name in names)


def _unhidra(fate: Fate, answer: str, *names: str, common: bool = False) -> tuple[SeedVariable, ...]:
    return tuple(SeedVariable(name, "Unhidra", fate, answer, common) for name in names)


_CLUSTER = "comes with PostgreSQL and Redis for more than one node; this release is one process on SQLite"
_RATE = "a bucket is as deep as its quota and forgotten when full; each class has a setting in [rate]"
_TARGETS = "comes with federation"
_MQTT = "comes with the MQTT bridge"
_FILES = "comes with encrypted files"
_PUSH = "comes with push"
_FIRMWARE = "compiled into a device's firmware, never read by a server"

SEED_VARIABLES: tuple[SeedVariable, ...] = (
    *_mls(
        Fate.IF_ON,
        "It forwards requests without checking them; there is no such mode here: remove it.",
        "ENABLE_DIRECT_XRPC_PROXY",
    ),
    *_mls(
        Fate.IF_ON,
        "It lets a server start with token checks off; they cannot be turned off here: remove it.",
        "ALLOW_UNSAFE_AUTH",
    ),
    *_mls(
        Fate.IF_OFF,
        "Every token must name the method it is for (`lxm`); remove the variable or set it to true.",
        "ENFORCE_LXM",
    ),
    *_mls(
        Fate.IF_OFF,
        "Every token is used once (`jti`); remove the variable or set it to true.",
        "ENFORCE_JTI",
    ),
    *_mls(
        Fate.IF_OFF,
        "Writes that are not idempotent by themselves need an idempotencyKey; remove it or set it to true.",
        "REQUIRE_IDEMPOTENCY",
    ),
    *_mls(
        Fate.IF_ON,
        "Other servers are spoken to over https only; remove it.",
        "FEDERATION_ALLOW_INSECURE_HTTP",
    ),
    *_mls(
        Fate.IF_SET,
        "Whoever knows a shared secret can speak as anybody; tokens here are signed with each account's own "
        "key: remove it.",
        "JWT_SECRET",
    ),
    *_unhidra(
        Fate.IF_SET,
        "Whoever knows a shared secret can speak as anybody, and its built-in default was public; remove it.",
        "JWT_SECRET",
    ),
    *_mls(Fate.RENAMED, "server.port", "SERVER_PORT"),
    *_mls(Fate.RENAMED, "store.path", "DATABASE_URL", common=True),
    *_mls(Fate.DROPPED, "SQLite has one writer and needs no pool", "DATABASE_MAX_CONNECTIONS"),
    *_mls(Fate.LATER, _CLUSTER, "REDIS_URL", "REDIS_ENCRYPTION_KEY", common=True),
    *_mls(Fate.RENAMED, "logging.level", "RUST_LOG", common=True),
    *_mls(
        Fate.DROPPED,
        "there is no development mode; what is unsafe is judged from the addresses the server binds to",
        "RUST_ENV",
        "APP_ENV",
        "DEPLOY_ENV",
        "ENVIRONMENT",
        common=True,
    ),
    *_mls(Fate.RENAMED, "service.did", "SERVICE_DID"),
    *_mls(
        Fate.DROPPED,
        "a token is remembered until its own `exp`, so that no gap is left to replay it in",
        "JTI_TTL_SECONDS",
    ),
    *_mls(Fate.RENAMED, "identity.lookup_timeout", "DID_RESOLUTION_TIMEOUT_SECONDS"),
    *_mls(
        Fate.DROPPED,
        "every public host may have a did:web; what is not public is never connected to",
        "DID_RESOLUTION_HOST_ALLOWLIST",
    ),
    *_mls(Fate.RENAMED, "rate.default", "AUTH_RATE_LIMIT_PER_SECOND"),
    *_mls(Fate.RENAMED, "rate.failed_auth", "RATE_LIMIT_IP_PER_MINUTE"),
    *_mls(Fate.RENAMED, "rate.max_keys", "RATE_LIMIT_IP_MAX_KEYS"),
    *_mls(Fate.RENAMED, "server.trusted_proxies", "TRUSTED_PROXY_CIDRS"),
    *_mls(Fate.DROPPED, _RATE, "IP_RATE_BURST", "RATE_LIMIT_BUCKET_TTL_SECONDS", "RATE_LIMIT_*"),
    *_mls(Fate.DROPPED, "conversations are always actors", "ENABLE_ACTOR_SYSTEM"),
    *_mls(Fate.RENAMED, "devices.feed_items", "SSE_BUFFER_SIZE"),
    *_mls(
        Fate.DROPPED, "tickets are sealed under the server's own secret in the data folder", "TICKET_SECRET"
    ),
    *_mls(Fate.RENAMED, "server.public_url", "WEBSOCKET_ENDPOINT", "SELF_ENDPOINT"),
    *_mls(Fate.DROPPED, "metrics are always on, on the admin listener only", "ENABLE_METRICS"),
    *_mls(Fate.RENAMED, "admin.token", "METRICS_TOKEN"),
    *_mls(
        Fate.LATER,
        "comes with retention",
        "MESSAGE_TTL_DAYS",
        "EVENT_STREAM_TTL_DAYS",
        "CLEANUP_INTERVAL_SECS",
    ),
    *_mls(
        Fate.LATER,
        "comes with MLS key packages",
        "KEY_PACKAGE_PARSE_CONCURRENCY",
        "KEY_PACKAGE_PARSE_TIMEOUT_SECS",
        "MAX_KEY_PACKAGES_PER_DEVICE",
        "KEY_PACKAGE_RECOVERY_CACHE_*",
    ),
    *_mls(
        Fate.LATER,
        _TARGETS,
        "FEDERATION_ENABLED",
        "DEFAULT_DS_ENDPOINT",
        "SIGNING_KEY_PEM",
        "FEDERATION_ADMIN_DIDS",
        "FEDERATION_OUTBOUND_HOST_ALLOWLIST",
        "FEDERATION_DNS_TIMEOUT_MS",
        "FEDERATION_WS_PROXY",
        "ENDPOINT_CACHE_TTL",
        "OUTBOUND_TIMEOUT",
        "OUTBOUND_CONNECT_TIMEOUT",
    ),
    *_mls(Fate.LATER, _PUSH, "ENABLE_PUSH_NOTIFICATIONS", "APNS_*"),
    *_mls(
        Fate.DROPPED,
        "settings of its test suite; ours starts its own servers",
        "E2E_BASE_URL",
        "E2E_JWT_SECRET",
        "STRESS_USERS",
        "STRESS_MESSAGES",
    ),
    *_unhidra(Fate.RENAMED, "server.host", "HOST", common=True),
    *_unhidra(Fate.RENAMED, "server.port", "PORT", "GATEWAY_PORT", common=True),
    *_unhidra(Fate.RENAMED, "server.host", "AUTH_BIND_ADDR", "GATEWAY_BIND_ADDR"),
    *_unhidra(Fate.RENAMED, "store.path", "AUTH_DB_PATH"),
    *_unhidra(Fate.RENAMED, "store.path", "DATABASE_URL", common=True),
    *_unhidra(Fate.RENAMED, "logging.level", "LOG_LEVEL", common=True),
    *_unhidra(
        Fate.DROPPED, "metrics are always on, on the admin listener only", "METRICS_ENABLED", common=True
    ),
    *_unhidra(Fate.RENAMED, "admin.port", "METRICS_PORT", common=True),
    *_unhidra(Fate.DROPPED, "one process does what its services did", "CHAT_SERVICE_URL"),
    *_unhidra(Fate.RENAMED, "server.max_connections", "WS_MAX_CONNECTIONS"),
    *_unhidra(Fate.RENAMED, "session.heartbeat_seconds", "WS_PING_INTERVAL"),
    *_unhidra(Fate.RENAMED, "cors.origins", "ALLOWED_ORIGINS", common=True),
    *_unhidra(Fate.RENAMED, "rate.failed_auth", "RATE_LIMIT_LOGIN_PER_MINUTE", "RATE_LIMIT_IP_PER_MINUTE"),
    *_unhidra(Fate.RENAMED, "rate.default", "RATE_LIMIT_USER_PER_MINUTE"),
    *_unhidra(Fate.RENAMED, "rate.send", "RATE_LIMIT_MESSAGES_PER_SEC"),
    *_unhidra(
        Fate.DROPPED,
        _RATE,
        "RATE_LIMIT_LOGIN_BURST",
        "RATE_LIMIT_REGISTER_PER_HOUR",
        "RATE_LIMIT_BURST_MULTIPLIER",
    ),
    *_unhidra(Fate.RENAMED, "login_okta.client_id", "OIDC_OKTA_CLIENT_ID"),
    *_unhidra(Fate.RENAMED, "login_okta.client_secret", "OIDC_OKTA_CLIENT_SECRET"),
    *_unhidra(Fate.RENAMED, "login_okta.domain", "OIDC_OKTA_ISSUER_URL"),
    *_unhidra(Fate.RENAMED, "login_azure.client_id", "OIDC_AZURE_CLIENT_ID"),
    *_unhidra(Fate.RENAMED, "login_azure.client_secret", "OIDC_AZURE_CLIENT_SECRET"),
    *_unhidra(Fate.RENAMED, "login_azure.tenant", "OIDC_AZURE_ISSUER_URL"),
    *_unhidra(Fate.RENAMED, "login_keycloak.client_id", "OIDC_KEYCLOAK_CLIENT_ID"),
    *_unhidra(Fate.RENAMED, "login_keycloak.client_secret", "OIDC_KEYCLOAK_CLIENT_SECRET"),
    *_unhidra(Fate.RENAMED, "login_keycloak.url", "OIDC_KEYCLOAK_ISSUER_URL"),
    *_unhidra(Fate.RENAMED, "login_google.client_id", "OIDC_GOOGLE_CLIENT_ID"),
    *_unhidra(Fate.RENAMED, "login_google.client_secret", "OIDC_GOOGLE_CLIENT_SECRET"),
    *_unhidra(
        Fate.DROPPED,
        "a provider is on when it has a client id, only `openid` is asked for, and each provider's way back "
        "follows from server.public_url",
        "OIDC_*",
    ),
    *_unhidra(Fate.RENAMED, "login_passkey.rp_id", "WEBAUTHN_RP_ID"),
    *_unhidra(Fate.RENAMED, "login_passkey.name", "WEBAUTHN_RP_NAME"),
    *_unhidra(Fate.RENAMED, "server.public_url", "WEBAUTHN_RP_ORIGIN"),
    *_unhidra(Fate.DROPPED, "there are no passwords to hash", "ARGON2_M_COST"),
    *_unhidra(
        Fate.LATER,
        _CLUSTER,
        "REDIS_URL",
        "REDIS_CONSUMER_GROUP",
        "REDIS_CONSUMER_NAME",
        "REDIS_STREAM_PREFIX",
        "REDIS_MAX_STREAM_LENGTH",
        "REDIS_BLOCK_TIMEOUT_MS",
        common=True,
    ),
    *_unhidra(
        Fate.LATER,
        _MQTT,
        "MQTT_BRIDGE_ENABLED",
        "MQTT_BROKER_URL",
        "MQTT_CLIENT_ID_PREFIX",
        "MQTT_KEEP_ALIVE_SECS",
        "MQTT_RECONNECT_INTERVAL_SECS",
        "MQTT_TOPIC_PREFIX",
        "MQTT_TLS_ENABLED",
        "MQTT_CA_CERT_PATH",
        "MQTT_CLIENT_CERT_PATH",
        "MQTT_CLIENT_KEY_PATH",
    ),
    *_unhidra(
        Fate.LATER,
        _FILES,
        "FILE_STORAGE_BACKEND",
        "FILE_STORAGE_PATH",
        "MINIO_ENDPOINT",
        "MINIO_BUCKET",
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "AWS_REGION",
        "MAX_FILE_SIZE",
        common=True,
    ),
    *_unhidra(Fate.DROPPED, "the audit chain is always on and lies in the store", "AUDIT_BACKEND"),
    *_unhidra(Fate.DROPPED, "no plaintext reaches the server, so nothing is inferred", "ML_SOCKET_PATH"),
    *_unhidra(Fate.DROPPED, _FIRMWARE, "WIFI_SSID", "WIFI_PASSWORD", "DEVICE_API_KEY", "DEVICE_ID"),
)


def check_environment(environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Refusals for unsafe variables of the seeds, and a warning for each that is set under its old name."""
    found: dict[str, Finding] = {}
    for variable in SEED_VARIABLES:
        value = environ.get(variable.name)
        if value is None or variable.name in found:
            continue
        finding = _judge(variable, value.strip().lower())
        if finding is not None:
            found[variable.name] = finding
    return tuple(sorted(found.values(), key=lambda finding: finding.severity is not Severity.REFUSE))


def _judge(variable: SeedVariable, value: str) -> Finding | None:
    about = (variable.name,)
    match variable.fate:
        case Fate.IF_ON if value not in _FALSE:
            return Finding(Severity.REFUSE, about, "It is set in the environment.", variable.answer)
        case Fate.IF_OFF if value and value not in _TRUE:
            return Finding(Severity.REFUSE, about, "It is not true in the environment.", variable.answer)
        case Fate.IF_SET if value:
            return Finding(Severity.REFUSE, about, "It is set in the environment.", variable.answer)
        case Fate.RENAMED if value and not variable.common:
            section, _, key = variable.answer.partition(".")
            ours = f"ROOKERY_{section.upper()}__{key.upper()}"
            return Finding(Severity.WARN, about, "It is set but not read here.", f"Ours is {ours}.")
        case _:
            return None
