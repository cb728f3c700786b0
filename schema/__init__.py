"""The contract as data: lexicons, the error catalogue, wire types, SQL, and their small loaders."""

from schema import wire
from schema._errors import ERRORS, GENERIC_ERRORS, ErrorInfo, Fault, error_names
from schema._lexicon import Lexicon, parse_lexicon
from schema._library import LEXICONS, LIBRARY, Library, lexicon
from schema._problems import InvalidData, InvalidLexicon, InvalidWire, SchemaError, UnknownLexicon

__all__ = [
    "ERRORS",
    "GENERIC_ERRORS",
    "LEXICONS",
    "LIBRARY",
    "ErrorInfo",
    "Fault",
    "InvalidData",
    "InvalidLexicon",
    "InvalidWire",
    "Lexicon",
    "Library",
    "SchemaError",
    "UnknownLexicon",
    "error_names",
    "lexicon",
    "parse_lexicon",
    "wire",
]
