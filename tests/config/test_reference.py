"""The program documents its own settings, and leaves out no variable of the servers it follows."""

import re
import tomllib
from pathlib import Path

import pytest

from router.config import OPTIONS, SEED_VARIABLES, effective, load, settings_doc, show
from router.config.load import RESERVED_VARIABLES

ROOT = Path(__file__).parents[2]
SEEDS = ROOT.parent / "shared" / "reference"
SECRET = "a-very-secret-token-of-mine"


def test_show_masks_secrets_and_names_the_source_of_each_value() -> None:
    loaded = load(environ={"ROOKERY_ADMIN__TOKEN": SECRET, "ROOKERY_SERVER__PORT": "8080"})

    text = show(loaded)

    assert SECRET not in text
    assert "port = 8080  # environment ROOKERY_SERVER__PORT\n" in text
    assert '# token = "***"  # environment ROOKERY_ADMIN__TOKEN\n' in text
    assert "# public_url is not set\n" in text
    assert tomllib.loads(text)["server"]["port"] == 8080
    assert SECRET not in str(effective(loaded))


def test_the_reference_has_a_row_for_every_setting_and_variable() -> None:
    text = settings_doc()

    for option in OPTIONS.values():
        assert f"| `{option.key}` |" in text
        assert option.doc in text
    for name in [*RESERVED_VARIABLES, *(variable.name for variable in SEED_VARIABLES)]:
        assert f"| `{name}` |" in text


def test_every_environment_variable_the_reference_pages_name_has_an_answer() -> None:
    if not SEEDS.exists():
        pytest.skip(f"the reference pages are not here: {SEEDS}")
    listed = {variable.name for variable in SEED_VARIABLES}
    prefixes = tuple(name.removesuffix("*") for name in listed if name.endswith("*"))
    mls = (SEEDS / "mls-ds.md").read_text()
    table = mls[mls.index("### 3.4") : mls.index("## 4. Data model")]
    unhidra = (SEEDS / "unhidra.md").read_text()
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", table + unhidra))

    missing = {name for name in named - listed if not name.startswith(prefixes)}

    # words of those pages that are in capitals and are no variables: titles of documents, names of keys
    assert missing <= {
        "EK_A", "IK_A", "IK_B", "OPK_B", "SPK_B",
        "ENTERPRISE_ROADMAP", "INTEGRATION_REPORT", "PHASE_COMPLETION_REPORT", "SQLX_NOTE",
    }  # fmt: skip


def test_every_setting_is_read_somewhere_in_the_router() -> None:
    """A knob that turns nothing is a lie in the reference."""
    sources = "\n".join(
        path.read_text() for path in (ROOT / "router").rglob("*.py") if "config" not in path.parts
    )

    unread = [
        option.path
        for option in OPTIONS.values()
        if not re.search(rf"\.{option.key}\b", sources)
        # what config itself turns into the origin of the server
        and option.path not in {"server.public_url", "server.behind_proxy", "service.did"}
        # what config itself turns into issuers
        and not (option.section.startswith("login_") and option.key not in {"client_id", "name"})
    ]

    assert unread == []
