"""base58btc, the alphabet of Multikey texts (`z...`): strict both ways.

The conversion is quadratic in the length, so callers bound their text first; keys are 48 characters.
"""

from crypto._errors import CryptoError

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUE = {character: value for value, character in enumerate(_ALPHABET)}


def base58_encode(data: bytes) -> str:
    """The base58btc text of these bytes; leading zero bytes become leading `1`s."""
    number = int.from_bytes(data, "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def base58_decode(text: str) -> bytes:
    """The bytes of a base58btc text.

    Raises `CryptoError` on a character outside the alphabet. Each text has one reading and each
    byte string one text, so there is nothing else to refuse.
    """
    number = 0
    for character in text:
        value = _VALUE.get(character)
        if value is None:
            raise CryptoError("not base58btc")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
