"""Settings from file, environment and command line."""

import string
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from router.config import (
    OPTIONS,
    SECTIONS,
    BadValueError,
    Kind,
    Server,
    Settings,
    SettingsError,
    find_file,
    load,
    resolve,
    show,
)
from router.config.load import build
from router.config.options import Option, options_of
from router.config.values import Value, from_text, from_toml
from tests.config.strategies import PRINTABLE, junk, value_of, values


def problems(
    document: dict[str, object],
    environ: dict[str, str] | None = None,
    overrides: dict[str, str] | None = None,
) -> list[str]:
    """Every complaint about these sources."""
    with pytest.raises(SettingsError) as caught:
        resolve(document, environ=environ or {}, overrides=overrides or {}, file_name="rookery.toml")
    return [str(problem) for problem in caught.value.problems]


def test_the_command_line_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "rookery.toml"
    file.write_text('[server]\nport = 1\nhost = "::1"\n[admin]\nport = 2\n[limits]\nmax_members = 3\n')

    loaded = load(
        file,
        environ={"ROOKERY_SERVER__PORT": "10", "ROOKERY_ADMIN__PORT": "20"},
        overrides={"server.port": "100"},
    )

    settings = loaded.settings
    assert (settings.server.port, settings.admin.port, settings.limits.max_members) == (100, 20, 3)
    assert settings.limits.max_devices == 10
    assert loaded.origins["server.port"] == "command line"
    assert loaded.origins["admin.port"] == "environment ROOKERY_ADMIN__PORT"
    assert loaded.origins["limits.max_members"] == f"file {file}"
    assert loaded.origins["limits.max_devices"] == "default"


def test_all_mistakes_are_told_at_once() -> None:
    told = problems(
        {"server": {"prot": 1, "port": 70_000, "host": ""}, "stroe": {}, "limits": 3},
        {"ROOKERY_SERVER__PORT": "eighty", "ROOKERY_SESION__HELLO_TIMEOUT": "3"},
        {"log.epoch_windw": "1"},
    )

    assert told == [
        "rookery.toml: server.prot: is not a setting; did you mean server.port?",
        "rookery.toml: server.port: must be an integer from 0 to 65535",
        "rookery.toml: server.host: must not be empty",
        "rookery.toml: stroe: is not a setting; did you mean store?",
        "rookery.toml: limits: must be a table, written [limits]",
        "ROOKERY_SERVER__PORT: must be an integer from 0 to 65535",
        "ROOKERY_SESION__HELLO_TIMEOUT: is not a setting; did you mean ROOKERY_SESSION__HELLO_TIMEOUT?",
        "command line: log.epoch_windw: is not a setting; did you mean log.epoch_window?",
    ]


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"server": {"max_members": 3}}, "limits.max_members"),  # a known key in another section
        ({"port": 3000}, "server.port"),  # a key outside every section
        ({"server": {"gracefultimeout": 3}}, "server.graceful_timeout"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(document: dict[str, object], hint: str) -> None:
    assert problems(document)[0].endswith(f"did you mean {hint}?")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOKERY_SERVICE_HOST", "10.96.0.7"),
        ("ROOKERY_SERVICE_PORT", "3000"),
        ("ROOKERY_SERVICE_PORT_HTTP", "3000"),
        ("ROOKERY_PORT", "tcp://10.96.0.7:3000"),
        ("ROOKERY_ADMIN_PORT_9090_TCP_ADDR", "10.96.0.8"),
    ],
)
def test_what_kubernetes_puts_into_the_environment_for_a_service_named_rookery_is_let_be(
    name: str, value: str
) -> None:
    assert resolve({}, environ={name: value}, overrides={}).settings == Settings()


def test_a_single_underscore_where_two_belong_is_a_mistake_and_not_ignored() -> None:
    assert problems({}, {"ROOKERY_SERVER_PORT": "3000"}) == [
        "ROOKERY_SERVER_PORT: is not a setting; did you mean ROOKERY_SERVER__PORT?"
    ]


def test_an_empty_variable_unsets_an_optional_setting_and_is_a_mistake_elsewhere() -> None:
    document: dict[str, object] = {"server": {"public_url": "https://a.example"}}

    loaded = resolve(document, environ={"ROOKERY_SERVER__PUBLIC_URL": ""}, overrides={})

    assert loaded.settings.server.public_url is None
    assert problems({}, {"ROOKERY_SERVER__HOST": ""}) == ["ROOKERY_SERVER__HOST: must not be empty"]


def test_a_wrong_secret_is_not_repeated_in_the_complaint() -> None:
    told = problems({"admin": {"token": ["hunter2hunter2"]}}, {"ROOKERY_ADMIN__TOKEN": "hunter3\nhunter3"})

    assert "hunter" not in " ".join(told)
    assert len(told) == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[server\n", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a = " + b"[" * 3_000, "is not valid TOML"),
        (b"a = " + b"9" * 5_000, "is not valid TOML"),
    ],
    ids=["syntax", "encoding", "depth", "digits"],
)
def test_a_file_that_cannot_be_parsed_is_one_sentence(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "rookery.toml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=complaint):
        load(file, environ={})


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load(tmp_path / "absent.toml", environ={})


def test_the_file_is_the_one_named_then_the_variables_then_the_one_in_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert find_file(None, {}) is None
    Path("rookery.toml").touch()
    assert find_file(None, {}) == Path("rookery.toml")
    assert find_file(None, {"ROOKERY_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_file(Path("a.toml"), {"ROOKERY_CONFIG": "b.toml"}) == Path("a.toml")


@given(given_values=values())
def test_what_show_prints_loads_again_to_the_same_settings(given_values: dict[str, Value]) -> None:
    loaded = resolve({}, environ={}, overrides={})
    shown = resolve(tomllib.loads(show(loaded)), environ={}, overrides={})
    assert shown.settings == loaded.settings

    given_values = {path: value for path, value in given_values.items() if not OPTIONS[path].secret}
    settings = build(given_values)
    loaded = type(loaded)(settings=settings, origins=loaded.origins)

    assert resolve(tomllib.loads(show(loaded)), environ={}, overrides={}).settings == settings


@given(given_values=values())
def test_the_environment_carries_every_value(given_values: dict[str, Value]) -> None:
    def text(value: Value) -> str:
        return str(value).lower() if isinstance(value, bool) else str(value)

    environ = {OPTIONS[path].variable: text(value) for path, value in given_values.items()}
    # a number longer than thirty characters is refused in text; Hypothesis loves those
    assume(all(len(value) <= 30 for value in environ.values()))

    loaded = resolve({}, environ=environ, overrides={})

    assert loaded.settings == build(given_values)


@given(document=junk())
def test_junk_is_answered_with_sentences_and_never_a_traceback(document: dict[str, object]) -> None:
    told: list[str] = []

    try:
        resolve(document, environ={}, overrides={})
    except SettingsError as error:
        told = [problem.message for problem in error.problems]

    assert all(sentence.startswith(("must ", "is not ")) for sentence in told)


@given(path=st.sampled_from(sorted(OPTIONS)), text=st.text(max_size=40))
@example(path="server.port", text="9" * 5_000)
@example(path="server.graceful_timeout", text="nan")
@example(path="server.graceful_timeout", text="1e400")
@example(path="server.port", text="٣")  # a digit of another script
@example(path="server.host", text="\udcff")  # what os.environ makes of a byte that is not UTF-8
def test_any_text_is_a_value_in_bounds_or_a_sentence(path: str, text: str) -> None:
    try:
        value = from_text(OPTIONS[path], text)
    except BadValueError as error:
        told = str(error)
    else:
        told = "must not fail here"
        build({path: value})  # the classes' own validators agree

    assert told.startswith("must ")


@given(option=st.sampled_from([o for o in OPTIONS.values() if o.kind in (Kind.INTEGER, Kind.NUMBER)]))
def test_bounds_are_inclusive_and_one_beyond_is_refused(option: Option) -> None:
    assert option.minimum is not None
    assert option.maximum is not None
    for bound, beyond in ((option.minimum, option.minimum - 1), (option.maximum, option.maximum + 1)):
        assert from_toml(option, bound) == bound
        with pytest.raises(BadValueError):
            from_toml(option, beyond)
        with pytest.raises(BadValueError):
            build({option.path: beyond})


@given(data=st.data(), path=st.sampled_from(sorted(OPTIONS)))
def test_true_is_not_a_number_and_a_number_is_not_true(data: st.DataObject, path: str) -> None:
    option = OPTIONS[path]
    value = data.draw(value_of(option))
    if isinstance(value, bool):
        with pytest.raises(BadValueError):
            from_toml(option, int(value))
    else:
        with pytest.raises(BadValueError):
            from_toml(option, True)


@given(word=PRINTABLE)
def test_variables_of_other_programs_are_none_of_our_business(word: str) -> None:
    assume(not word.startswith("ROOKERY_"))

    assert resolve({}, environ={word: "x", "PORT": "80"}, overrides={}).settings == Settings()


def test_settings_are_frozen_and_slotted_and_secrets_do_not_show_in_their_repr() -> None:
    settings = build({"admin.token": "a-very-secret-token-of-mine"})

    assert "very-secret" not in repr(settings)
    with pytest.raises(AttributeError):
        settings.server.port = 1  # type: ignore[misc]  # the point of the test
    assert not hasattr(Server(), "__dict__")


def test_every_section_of_the_table_is_a_field_of_settings_with_that_class() -> None:
    assert {name: type(getattr(Settings(), name)) for name in SECTIONS} == SECTIONS
    assert list(OPTIONS.values()) == [o for name, cls in SECTIONS.items() for o in options_of(name, cls)]


@pytest.mark.parametrize("option", OPTIONS.values(), ids=lambda option: option.path)
def test_every_option_has_one_sentence_and_a_default_it_would_accept(option: Option) -> None:
    assert option.doc.endswith(".")
    assert "\n" not in option.doc
    assert set(option.key) <= set(string.ascii_lowercase + "_")
    if option.kind in (Kind.INTEGER, Kind.NUMBER):
        assert option.minimum is not None
        assert option.maximum is not None
    if option.default is None:
        assert option.optional
    else:
        raw = str(option.default) if option.kind is Kind.PATH else option.default
        assert from_toml(option, raw) == option.default
