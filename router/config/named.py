"""Identity providers beyond the first of a kind: sections that the operator names, as many as there are.

`[login_keycloak]` is one Keycloak; `[login_keycloak_partners]` is another, with the same keys. The rest of
the name is the operator's, `a-z` and `0-9`; it stands in the provider's id and so in its redirect URI.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

import attrs

from router.config.login import ProviderSection
from router.config.options import Option, options_of
from router.config.sections import OPTIONS, PROVIDERS, SECTIONS, Settings

_NAMED = re.compile(rf"({'|'.join(PROVIDERS)})_[a-z0-9]{{1,32}}")


def section_class(section: str) -> type[attrs.AttrsInstance] | None:
    """The class of a section, one that the operator has named among them; None if there can be none."""
    named = _NAMED.fullmatch(section)
    return SECTIONS[named[1]] if named else SECTIONS.get(section)


def named_among(sections: Iterable[str]) -> tuple[str, ...]:
    """Those of these names that are of further providers, in order."""
    return tuple(sorted({section for section in sections if _NAMED.fullmatch(section)}))


def options_with(named: Iterable[str]) -> dict[str, Option]:
    """Every option by path: the fixed ones, and those of further providers with these section names."""
    further = {found.path: found for each in named for found in options_of(each, SECTIONS[_kind_of(each)])}
    return {**OPTIONS, **further}


def values_of(settings: Settings) -> Iterator[tuple[Option, object]]:
    """Every option there is and its value, those of further providers among them."""
    for option in options_with(settings.further_logins).values():
        section = settings.further_logins.get(option.section) or getattr(settings, option.section)
        yield option, getattr(section, option.key)


def provider_sections(settings: Settings) -> Mapping[str, ProviderSection]:
    """The section of every identity provider that may be offered, by its name."""
    fixed: dict[str, ProviderSection] = {name: getattr(settings, name) for name in PROVIDERS}
    return {**fixed, **settings.further_logins}


def _kind_of(section: str) -> str:
    named = _NAMED.fullmatch(section)
    if named is None:
        raise ValueError(f"{section} is no section of a further provider")
    return named[1]
