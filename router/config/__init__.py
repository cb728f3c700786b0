"""Settings: read from TOML, environment and command line, judged as a whole, explained by the program.

    loaded = load(find_file(None, os.environ), environ=os.environ)   # SettingsError tells every mistake
    findings = check(loaded.settings) + check_environment(os.environ)
    refusals(findings)                                               # not empty: do not start

`show(loaded)` and `settings_doc()` are what `rookery config show` and `rookery config doc` print.
"""

from router.config.check import check
from router.config.files import check_files
from router.config.findings import Finding, Severity, refusals
from router.config.lists import EVERYBODY, BadNetworksError, Network, parse_networks, parse_origins
from router.config.load import (
    Loaded,
    Problem,
    SettingsError,
    find_file,
    load,
    read_document,
    resolve,
)
from router.config.mls import SUITE_NAMES, BadSuiteError, Mls, parse_suites
from router.config.options import BadValueError, Kind, Option
from router.config.origin import (
    BadUrlError,
    Origin,
    is_loopback,
    loopback_hosts,
    parse_origin,
    public_origin,
    service_did,
    superadmins,
)
from router.config.reference import Effective, effective, settings_doc, show
from router.config.sections import (
    OPTIONS,
    SECTIONS,
    Admin,
    Auth,
    Blocks,
    Conversations,
    Cors,
    Devices,
    Identity,
    Limits,
    Log,
    Logging,
    Observe,
    Rates,
    Server,
    Service,
    Session,
    Settings,
    Store,
    Supervision,
)
from router.config.seeds import SEED_VARIABLES, Fate, SeedVariable, check_environment

__all__ = [
    "EVERYBODY",
    "OPTIONS",
    "SECTIONS",
    "SEED_VARIABLES",
    "SUITE_NAMES",
    "Admin",
    "Auth",
    "BadNetworksError",
    "BadSuiteError",
    "BadUrlError",
    "BadValueError",
    "Blocks",
    "Conversations",
    "Cors",
    "Devices",
    "Effective",
    "Fate",
    "Finding",
    "Identity",
    "Kind",
    "Limits",
    "Loaded",
    "Log",
    "Logging",
    "Mls",
    "Network",
    "Observe",
    "Option",
    "Origin",
    "Problem",
    "Rates",
    "SeedVariable",
    "Server",
    "Service",
    "Session",
    "Settings",
    "SettingsError",
    "Severity",
    "Store",
    "Supervision",
    "check",
    "check_environment",
    "check_files",
    "effective",
    "find_file",
    "is_loopback",
    "load",
    "loopback_hosts",
    "parse_networks",
    "parse_origin",
    "parse_origins",
    "parse_suites",
    "public_origin",
    "read_document",
    "refusals",
    "resolve",
    "service_did",
    "settings_doc",
    "show",
    "superadmins",
]
