"""Files of the operator's that others may read or change: found before a server starts on them.

A secret that others can read may be out already, which only its owner can judge; so it is refused and never
repaired. What the server writes itself is nobody else's (umask 077); a copy, a backup put back or a volume
of a container is where this goes wrong.
"""

import stat
from pathlib import Path

from router.config.findings import Finding, Severity
from router.config.load import Loaded
from router.config.named import values_of

_OTHERS_READ = 0o077
_OTHERS_WRITE = 0o022


def check_files(loaded: Loaded) -> tuple[Finding, ...]:
    """Refusals for a settings file with secrets and for anything in the data folder that others may open."""
    return (*_settings_file(loaded), *_data_folder(loaded.settings.store.path))


def _settings_file(loaded: Loaded) -> tuple[Finding, ...]:
    holding: dict[Path, list[str]] = {}
    for option, _ in values_of(loaded.settings):
        origin = loaded.origins.get(option.path, "default")
        if option.secret and origin.startswith("file "):
            holding.setdefault(Path(origin.removeprefix("file ")), []).append(option.path)
    return tuple(
        Finding(
            Severity.REFUSE,
            tuple(paths),
            f"{file} holds it and may be read by others.",
            f"If it was not read, run: chmod 600 {file}; else choose another first.",
        )
        for file, paths in holding.items()
        if _mode(file) & _OTHERS_READ
    )


def _data_folder(folder: Path) -> tuple[Finding, ...]:
    found = []
    if _mode(folder) & _OTHERS_WRITE:
        found.append(
            _exposed(f"The data folder {folder.absolute()} may be changed by others.", f"chmod 700 {folder}")
        )
    exposed = sorted(path for path in _files_of(folder) if path.is_file() and _mode(path) & _OTHERS_READ)
    if exposed:
        names = ", ".join(path.name for path in exposed[:3]) + (" and others" if exposed[3:] else "")
        found.append(
            _exposed(
                f"In the data folder {folder.absolute()} others may read {names}.",
                f"chmod -R go= {folder}",
            )
        )
    return tuple(found)


def _exposed(wrong: str, command: str) -> Finding:
    mend = f"If nobody did, run: {command}; else make new keys and tokens first."
    return Finding(Severity.REFUSE, ("store.path",), wrong, mend)


def _files_of(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # not there yet, or not ours: the start says so
        return []


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0
