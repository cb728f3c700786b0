"""What can be wrong with data at this level: one base, and a class for each answer a caller needs."""


class SchemaError(ValueError):
    """The base of every error this package raises on purpose."""


class InvalidLexicon(SchemaError):
    """A lexicon document breaks the language, or refers to what is not there: the author's fault."""


class UnknownLexicon(SchemaError, KeyError):
    """No lexicon, or no definition in it, has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"not in the lexicons: {self.name}"


class InvalidData(SchemaError):
    """Data breaks a rule of its lexicon: the sender's fault.

    `path` leads to the value (`$.members[0].did`), `rule` is the lexicon's keyword that it breaks
    (`maxLength`, `required`, `type`, `unknown-field`, ...), `message` says it in words.
    """

    def __init__(self, path: str, rule: str, message: str) -> None:
        super().__init__(f"{message} (at {path})")
        self.path = path
        self.rule = rule
        self.message = message


class InvalidWire(SchemaError):
    """Bytes from outside are not a value of the wire type asked for: the sender's fault.

    `path` leads to the place (`$.ciphertext`; `$` is the whole), `message` says what is wrong there.
    Both may be shown to the sender: they hold nothing but its own field names and our rules.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{message} (at {path})")
        self.path = path
        self.message = message
