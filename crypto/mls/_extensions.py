"""Extensions (RFC 9420 section 13.4): a list of typed opaque values, and the types a server reads.

Unknown types are passed over by their length (GREASE, section 13.5, is normal). The content of a known
type is read by the function of its name when somebody asks for it, and `FramingError` is the answer to
content of bad form. The ratchet tree has a file of its own.

A last-resort key package is marked in one of two ways, and both are recognised: by extension 0x000A
(all deployed clients) or by component 4 in the application data dictionary (0x0006), where the draft
`draft-ietf-mls-extensions` moved it.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls._credential import Credential, read_credential
from crypto.mls._reader import Reader, read_whole
from crypto.mls._writer import opaque, uint16, uint16s


class ExtensionType(enum.IntEnum):
    """The types this package knows by name; any other number is as good in a list."""

    APPLICATION_ID = 0x0001
    RATCHET_TREE = 0x0002
    REQUIRED_CAPABILITIES = 0x0003
    EXTERNAL_PUB = 0x0004
    EXTERNAL_SENDERS = 0x0005
    APP_DATA_DICTIONARY = 0x0006  # draft-ietf-mls-extensions
    LAST_RESORT = 0x000A  # draft-ietf-mls-extensions until 2025, and all deployed clients


LAST_RESORT_COMPONENT = 0x0004


@dataclass(frozen=True, slots=True)
class Extension:
    """One entry of an extension list: its type and its content, unread."""

    kind: int
    data: bytes

    def encode(self) -> bytes:
        """The bytes of this entry."""
        return uint16(self.kind) + opaque(self.data)


Extensions: TypeAlias = tuple[Extension, ...]


def read_extensions(reader: Reader) -> Extensions:
    """`Extension extensions<V>`: at most one of each type."""
    inner = reader.vector()
    if inner.position == inner.end:
        return ()
    found: list[Extension] = []
    while inner.position < inner.end:
        found.append(Extension(inner.uint(2), inner.opaque()))
    if len({extension.kind for extension in found}) != len(found):
        raise FramingError(FramingFault.DUPLICATE)
    return tuple(found)


def is_grease(number: int) -> bool:
    """Whether a type is one of the made-up ones of section 13.5: 0x0A0A, 0x1A1A, and so on to 0xEAEA."""
    return number & 0x0F0F == 0x0A0A and number >> 12 == number >> 4 & 0xF and number < 0xF000


def extension_data(extensions: Extensions, kind: int) -> bytes | None:
    """The content of the extension of this type, or None where there is none."""
    for extension in extensions:
        if extension.kind == kind:
            return extension.data
    return None


@dataclass(frozen=True, slots=True)
class RequiredCapabilities:
    """What every member of a group must support (section 11.1)."""

    extensions: tuple[int, ...] = ()
    proposals: tuple[int, ...] = ()
    credentials: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """The content of the extension."""
        return uint16s(self.extensions) + uint16s(self.proposals) + uint16s(self.credentials)


def required_capabilities(extensions: Extensions) -> RequiredCapabilities:
    """What the group context's extensions require; nothing where they do not say."""
    data = extension_data(extensions, ExtensionType.REQUIRED_CAPABILITIES)
    return RequiredCapabilities() if data is None else read_whole(data, _read_required_capabilities)


def _read_required_capabilities(reader: Reader) -> RequiredCapabilities:
    return RequiredCapabilities(reader.uint16s(), reader.uint16s(), reader.uint16s())


@dataclass(frozen=True, slots=True)
class ExternalSender:
    """Somebody outside a group who may propose to it (section 12.1.8.1)."""

    signature_key: bytes
    credential: Credential

    def encode(self) -> bytes:
        """The bytes of this entry of the list."""
        return opaque(self.signature_key) + self.credential.encode()


def external_senders(extensions: Extensions) -> tuple[ExternalSender, ...]:
    """The external senders a group context names, in the order of their indices."""
    data = extension_data(extensions, ExtensionType.EXTERNAL_SENDERS)
    return () if data is None else read_whole(data, lambda reader: reader.items(_read_external_sender))


def _read_external_sender(reader: Reader) -> ExternalSender:
    return ExternalSender(reader.opaque(), read_credential(reader))


def external_pub(extensions: Extensions) -> bytes | None:
    """The HPKE key with which outsiders may join by external commit (section 12.4.3.2)."""
    data = extension_data(extensions, ExtensionType.EXTERNAL_PUB)
    return None if data is None else read_whole(data, Reader.opaque)


def application_id(extensions: Extensions) -> bytes | None:
    """The application's own name for a leaf (section 5.3.3); nobody vouches for it."""
    data = extension_data(extensions, ExtensionType.APPLICATION_ID)
    return None if data is None else read_whole(data, Reader.opaque)


def app_data_dictionary(extensions: Extensions) -> dict[int, bytes]:
    """The application components' data by component id; a component may occur once."""
    data = extension_data(extensions, ExtensionType.APP_DATA_DICTIONARY)
    if data is None:
        return {}
    entries = read_whole(data, lambda reader: reader.items(_read_component))
    found = dict(entries)
    if len(found) != len(entries):
        raise FramingError(FramingFault.DUPLICATE)
    return found


def _read_component(reader: Reader) -> tuple[int, bytes]:
    return reader.uint(2), reader.opaque()


def encode_app_data_dictionary(components: Iterable[tuple[int, bytes]]) -> bytes:
    """The content of an application data dictionary."""
    return opaque(b"".join(uint16(component) + opaque(data) for component, data in components))


def marks_last_resort(extensions: Extensions) -> bool:
    """Whether these are the extensions of a last-resort key package, in either encoding."""
    if not extensions:
        return False
    if extension_data(extensions, ExtensionType.LAST_RESORT) is not None:
        return True
    return LAST_RESORT_COMPONENT in app_data_dictionary(extensions)
