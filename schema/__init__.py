"""The contract as data: lexicons, the error catalogue, wire types, SQL, and their small loaders."""

from schema import wire
from schema._errors import ERRORS, GENERIC_ERRORS, ErrorInfo, Fault, error_names
from schema._lexicon import Lexicon, parse_lexicon
from schema._library import LEXICONS, LIBRARY, Library, lexicon
from schema._problems import InvalidData, InvalidLexicon, InvalidWire, SchemaError, UnknownLexicon
from schema._sql import Migration, full_schema, migrations, queries
from schema._validate import VALIDATOR, Form, Validator

__all__ = [
    "ERRORS",
    "GENERIC_ERRORS",
    "LEXICONS",
    "LIBRARY",
    "VALIDATOR",
    "ErrorInfo",
    "Fault",
    "Form",
    "InvalidData",
    "InvalidLexicon",
    "InvalidWire",
    "Lexicon",
    "Library",
    "Migration",
    "SchemaError",
    "UnknownLexicon",
    "Validator",
    "error_names",
    "full_schema",
    "lexicon",
    "migrations",
    "parse_lexicon",
    "queries",
    "wire",
]
