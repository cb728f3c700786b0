"""A test kit for what lies outside: a DID directory, a PDS, each on a real socket, and a small internet.

    async with open_did_directory() as directory:
        alice = PlcAccount.create("alice.example.com", now=NOW)
        directory.put(alice)
        settings = {"identity.plc_url": directory.url}          # a router that believes this directory
        token = mint_token(alice.key, alice.did, service.audience, method, NOW)
        directory.faults[alice.did] = Status(503)               # and now it is away

| name | what it is |
|---|---|
| `DidDirectory`, `open_did_directory` | serves documents of did:plc and did:web and audit logs, with faults |
| `Pds`, `open_pds` | serves accounts' records (listRecords, getRecord), blocks among them, with faults |
| `PlcAccount` | a did:plc with its signed log: rotate, recover, tombstone |
| `WebAccount`, `web_account` | a did:web with its document |
| `Internet` | names to addresses, addresses to local ports: for `router.identity.sources.Network` |

Nothing here is imported by the server.
"""

from router.testing.directory import DidDirectory, open_did_directory
from router.testing.faults import Fault, Garbage, Hang, HangUp, Oversize, Redirect, SlowBody, Status
from router.testing.internet import Internet
from router.testing.pds import Pds, open_pds
from router.testing.people import PlcAccount, WebAccount, web_account

__all__ = [
    "DidDirectory",
    "Fault",
    "Garbage",
    "Hang",
    "HangUp",
    "Internet",
    "Oversize",
    "Pds",
    "PlcAccount",
    "Redirect",
    "SlowBody",
    "Status",
    "WebAccount",
    "open_did_directory",
    "open_pds",
    "web_account",
]
