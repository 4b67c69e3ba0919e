"""Is every setting taken from the right source, checked, and explained when it is wrong?"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from oyez.cli.exits import explain
from oyez.config.key import DEVELOPMENT_KEY
from oyez.config.load import load, load_with_sources
from oyez.config.tree import Settings, fields_of
from oyez.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def refused(toml: Path | None = None, environ: Mapping[str, str] = {}, **flags: object) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(toml, environ, flags)
    return caught.value


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}, {}) == Settings()


def test_each_source_wins_over_those_below_it(tmp_path: Path) -> None:
    file = write(
        tmp_path / "oyez.toml", 'host = "file"\nport = 1\nlog_level = "debug"\n[socketio]\nping_timeout_s = 3\n'
    )
    environ = {"OYEZ_PORT": "2", "OYEZ_LOG_LEVEL": "warning"}
    settings, sources, _ = load_with_sources(file, environ, {"log_level": "error", "host": None})
    assert (settings.host, settings.port, settings.log_level) == ("file", 2, "error")
    assert settings.socketio.ping_timeout_s == 3.0
    assert isinstance(settings.socketio.ping_timeout_s, float)
    assert sources["host"] == f"file {file}"
    assert sources["port"] == "environment OYEZ_PORT"
    assert sources["log_level"] == "flag --log-level"
    assert "uds" not in sources


def test_environment_may_name_the_file(tmp_path: Path) -> None:
    file = write(tmp_path / "oyez.toml", "port = 7")
    assert load(None, {"OYEZ_CONFIG": str(file)}, {}).port == 7


@pytest.mark.parametrize(
    ("name", "text", "section", "field", "value"),
    [
        ("OYEZ_SOCKETIO_PING_INTERVAL_S", "0.3", "socketio", "ping_interval_s", 0.3),
        ("OYEZ_HISTORY_SIZE", "12", "history", "size", 12),
        ("OYEZ_AUTH_SENDER_ADDRESSES", "10.0.0.0/8, ::1", "auth", "sender_addresses", ("10.0.0.0/8", "::1")),
        ("OYEZ_HTTP_TRUSTED_PROXIES", "", "http", "trusted_proxies", ()),
        ("OYEZ_HTTP_ALLOWED_ORIGINS", "https://a.example", "http", "allowed_origins", ("https://a.example",)),
    ],
)
def test_environment_is_read_in_the_settings_type(
    name: str, text: str, section: str, field: str, value: object
) -> None:
    assert getattr(getattr(load(None, {name: text}, {}), section), field) == value


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("YES", True), ("1", True), ("no", False), ("False", False), ("0", False)]
)
def test_booleans_have_several_spellings(text: str, value: bool) -> None:
    assert load(None, {"OYEZ_DEV": text}, {}).dev is value


def test_empty_variable_is_no_variable() -> None:
    assert load(None, {"OYEZ_PORT": "", "OYEZ_KEY": "", "EVENT_DAEMON_KEY": ""}, {}) == Settings()


def test_foreign_variables_do_not_matter() -> None:
    environ = {"PATH": "/bin", "EVENT_DAEMON_POST": "ws://127.0.0.1:15101/", "OYEZ_URL": "http://x"}
    assert load_with_sources(None, environ, {}) == (Settings(), {}, ())


@pytest.mark.parametrize("service", ["OYEZ", "OYEZ_POST_LISTENER", "OYEZ_2", "OYEZ_POLL"])
def test_variables_of_a_container_platform_are_passed_over(service: str) -> None:
    port = f"{service}_PORT_15100_TCP"
    kubernetes = {
        f"{service}_SERVICE_HOST": "10.0.0.7",
        f"{service}_SERVICE_PORT": "15100",
        f"{service}_SERVICE_PORT_HTTP": "15100",
        f"{service}_PORT": "tcp://10.0.0.7:15100",
        port: "tcp://10.0.0.7:15100",
        f"{port}_ADDR": "10.0.0.7",
        f"{port}_PORT": "15100",
        f"{port}_PROTO": "tcp",
        f"{service}_PORT_53_UDP": "udp://[fd00::7]:53",
    }
    docker = {f"{service}_NAME": "/judge/oyez", f"{service}_ENV_PATH": "/bin", f"{port}_START": "tcp://10.0.0.7:15100"}
    assert load_with_sources(None, kubernetes | docker, {}) == (Settings(), {}, ())


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("OYEZ_PROT", "1", "did you mean OYEZ_PORT?"),
        ("OYEZ_KEYS", "Zq7", "did you mean OYEZ_KEY?"),
        ("OYEZ_SOCKETIO_PINGINTERVAL_S", "1", "did you mean OYEZ_SOCKETIO_PING_INTERVAL_S?"),
        ("OYEZ_CONFIGURATION", "/x", "did you mean OYEZ_CONFIG?"),
        ("OYEZ_NAME", "judge", "did you mean"),
        ("OYEZ_ZZZZZZZZZZZZZZZZZZZZZZ", "1", "check-config --all lists them all"),
        ("OYEZ_WEB_PORT", "80", "did you mean"),
        ("oyez_key", "Zq7", "did you mean OYEZ_KEY?"),
    ],
)
def test_any_other_variable_that_is_no_setting_draws_a_warning(name: str, value: str, hint: str) -> None:
    settings, sources, (warning,) = load_with_sources(None, {name: value, "OYEZ_PORT": "7"}, {})
    assert (settings.port, set(sources)) == (7, {"port"})
    assert f"variable {name} is no setting" in warning
    assert hint in warning
    assert value not in warning or value in name + hint


@pytest.mark.parametrize(
    ("toml", "environ", "flags"),
    [
        ('port = "many"', {"OYEZ_PORT": "7"}, {}),
        ("", {"OYEZ_PORT": "many"}, {"port": "7"}),
        ("port = 7", {"OYEZ_PORT": "tcp://10.0.0.7:15100"}, {}),
        ('key = " x "\nkey_file = "/nowhere"\nport = 7', {"OYEZ_KEY": "hush"}, {}),
        ("port = 7", {"OYEZ_KEY": "***", "OYEZ_DEV": "maybe"}, {"key": "hush", "dev": True}),
    ],
)
def test_value_that_a_higher_source_overrides_is_not_judged(
    tmp_path: Path, toml: str, environ: dict[str, str], flags: dict[str, object]
) -> None:
    assert load(write(tmp_path / "oyez.toml", toml), environ, flags).port == 7


@pytest.mark.parametrize("text", ["port = 7", "\ufeffport = 7\r\n"])
def test_file_may_begin_with_a_byte_order_mark(tmp_path: Path, text: str) -> None:
    assert load(write(tmp_path / "oyez.toml", text), {}, {}).port == 7


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_file_in_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    for name in ("config", "key_file"):
        file = tmp_path / name
        file.write_bytes("port = 7".encode(encoding))
        error = refused(file) if name == "config" else refused(key_file=str(file))
        assert (error.key, error.value) == (name, str(file))
        assert "UTF-16" in error.expected


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"EVENT_DAEMON_KEY": "theirs"}, "theirs"),
        ({"EVENT_DAEMON_KEY": "theirs", "OYEZ_KEY": "ours"}, "ours"),
        ({"OYEZ_DEV": "1"}, DEVELOPMENT_KEY),
        ({"OYEZ_DEV": "1", "OYEZ_KEY": "ours"}, "ours"),
        ({}, ""),
    ],
)
def test_key_from_the_environment(environ: dict[str, str], key: str) -> None:
    assert load(None, environ, {}).key == key


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST."])
def test_development_on_loopback_has_a_key_that_everyone_knows(host: str) -> None:
    assert load(None, {}, {"dev": True, "host": host}).key == DEVELOPMENT_KEY
    assert load(None, {}, {"dev": True, "uds": "/run/x.sock", "host": "0.0.0.0"}).key == DEVELOPMENT_KEY


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "judge.example", "0", "127.evil.example"])
def test_development_elsewhere_makes_a_key_up(host: str) -> None:
    loaded = [load_with_sources(None, {}, {"dev": True, "host": host}) for _ in range(2)]
    first, second = (each.settings.key for each in loaded)
    assert first != second
    assert min(len(first), len(second)) >= 16
    assert "made up" in loaded[0].sources["key"]
    assert load(None, {"OYEZ_KEY": "ours"}, {"dev": True, "host": host}).key == "ours"


@pytest.mark.parametrize(
    "content", ["hush", "hush \r\nsecond line\n", "\ufeffhush\r\n", "hush\rsecond", "\thush \t\n\xff", "hush\u00a0\n"]
)
def test_key_file_gives_its_first_line(tmp_path: Path, content: str) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(content.encode())
    settings, sources, _ = load_with_sources(None, {"EVENT_DAEMON_KEY": "theirs"}, {"key_file": str(key_file)})
    assert (settings.key, settings.key_file) == ("hush", str(key_file))
    assert sources == {"key": f"first line of {key_file}", "key_file": "flag --key-file"}


def test_what_is_shown_instead_of_a_secret_is_no_secret(tmp_path: Path) -> None:
    for error in (refused(key="***"), refused(key_file=str(write(tmp_path / "key", "***\n")))):
        assert "the key itself" in error.expected
    assert "the password itself" in refused(broker="amqp://judge:***@mq/?exchange=ws").expected


def test_key_of_a_higher_source_displaces_the_key_file_below(tmp_path: Path) -> None:
    toml = write(tmp_path / "oyez.toml", 'key_file = "/nowhere"')
    settings = load(toml, {"OYEZ_KEY": "ours"}, {})
    assert (settings.key, settings.key_file) == ("ours", "")


def test_key_file_of_our_own_name_displaces_the_foreign_key(tmp_path: Path) -> None:
    key_file = write(tmp_path / "key", "hush")
    assert load(None, {"EVENT_DAEMON_KEY": "theirs", "OYEZ_KEY_FILE": str(key_file)}, {}).key == "hush"


def test_key_and_key_file_of_one_source_contradict() -> None:
    error = refused(None, {"OYEZ_KEY": "hush", "OYEZ_KEY_FILE": "/k"})
    assert error.key == "key_file"
    assert "not both" in error.expected
    assert "hush" not in str(error)


@pytest.mark.parametrize("content", [None, b"", b"\nsecond", b"\xff\xfe", b"\xff", b"a\x00b"])
def test_unusable_key_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    error = refused(key_file=str(path))
    assert (error.key, error.value) == ("key_file", str(path))


@pytest.mark.parametrize(
    ("toml", "key", "expected"),
    [
        ("port = 65536", "port", "a whole number, from 0 to 65535"),
        ("port = -1", "port", "a whole number, from 0 to 65535"),
        ('port = "80"', "port", "a whole number"),
        ("port = true", "port", "a whole number"),
        ("dev = 1", "dev", "true or false"),
        ('log_level = "loud"', "log_level", "one of debug, info, warning, error"),
        ('host = ""', "host", "an address or a host name"),
        (f'uds = "/{"x" * 107}"', "uds", "at most 107 bytes"),
        ('broker = "mysql://x"', "broker", "one of memory://, sqlite://"),
        ('broker = "memory:///x"', "broker", "memory:// with nothing behind it"),
        ('broker = "sqlite://var/x"', "broker", "three slashes before the path"),
        ('broker = "sqlite:///x/"', "broker", "the path of a file"),
        ('broker = "sqlite:///x%00"', "broker", "the path of a file"),
        ('broker = "sqlite:///x?durability=tape"', "broker", "durability=process or disk"),
        ('broker = "sqlite:///x?durability=disk&durability=process"', "broker", "each key once"),
        ('broker = "sqlite:///x?synced"', "broker", "nothing after the path but"),
        ('broker = "sqlite:///x#1"', "broker", "nothing after the path but"),
        ('[socketio]\npath = "/socket.io"', "socketio.path", "between slashes"),
        ('[socketio]\npath = "/"', "socketio.path", "between slashes"),
        ("[socketio]\nping_timeout_s = 0", "socketio.ping_timeout_s", "a number of seconds, from 0.001 to 86400"),
        ("[socketio]\nping_timeout_s = nan", "socketio.ping_timeout_s", "a number of seconds"),
        ("[socketio]\nping_timeout_s = inf", "socketio.ping_timeout_s", "a number of seconds"),
        (f"[socketio]\nping_timeout_s = {10**400}", "socketio.ping_timeout_s", "a number of seconds"),
        ("[history]\nsize = 1.5", "history.size", "a whole number of events, at least 1"),
        ('[auth]\nsender_addresses = ["here"]', "auth.sender_addresses", "such as 10.0.0.0/8"),
        ('[auth]\nsender_addresses = "::1"', "auth.sender_addresses", "a list of addresses"),
        ("[auth]\nsender_addresses = [1]", "auth.sender_addresses", "a list of addresses"),
        ('[http]\nallowed_origins = ["judge.example"]', "http.allowed_origins", "such as https://judge.example"),
        ("socketio = 3", "socketio", "a table: [socketio]"),
        ("[limits]\nmax_sender_message_bytes = 9999", "limits.max_receiver_message_bytes", "at most limits."),
        ("prot = 1", "prot", "did you mean port?"),
        ("ping_interval_s = 1", "ping_interval_s", "did you mean socketio.ping_interval_s?"),
        ("[sockteio]", "sockteio", "did you mean socketio?"),
        ("[history]\nsizes = 3", "history.sizes", "did you mean history.size?"),
        ("zzzzzzzzzz = 1", "zzzzzzzzzz", "check-config --all lists them all"),
        ("port = ", "config", "a file in TOML"),
        pytest.param("port = " + "9" * 5000, "config", "a file in TOML", id="digits"),
        pytest.param("port = " + "[" * 5000, "config", "a file in TOML", id="brackets"),
        ("[history]\nmax_bytes = 9007199254740992", "history.max_bytes", "from 1 to 9007199254740991"),
        *(
            (f"[limits]\nconnects_per_second_per_address = {value}", "limits.connects_per_second_per_address", expected)
            for value, expected in [
                ("-5", 'such as "50 burst 500"'),
                ("0", "a rate above 0"),
                ("0.5", "a burst of at least 1"),
                ("nan", 'such as "50 burst 500"'),
                ("inf", 'such as "50 burst 500"'),
                ("true", 'such as "50'),
                ('["5"]', 'such as "50 burst 500"'),
                ('"9007199254740992"', "up to 9007199254740991"),
            ]
        ),
    ],
)
def test_wrong_files_are_explained(tmp_path: Path, toml: str, key: str, expected: str) -> None:
    error = refused(write(tmp_path / "oyez.toml", toml))
    assert error.key == key
    assert expected in error.expected


@pytest.mark.parametrize("written", ["200", "200.5", '"200"', '"200 burst 300"'])
def test_a_rate_may_be_written_as_a_number(tmp_path: Path, written: str) -> None:
    path = write(tmp_path / "oyez.toml", f"[limits]\nconnects_per_second_per_address = {written}")
    settings = load(path, {}, {})
    assert settings.limits.connects_per_second_per_address == written.strip('"')


def test_missing_file_is_explained(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.toml")
    assert (error.key, error.value) == ("config", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("name", "text", "key", "expected"),
    [
        ("OYEZ_PORT", "http", "port", "a whole number, from 0 to 65535 (environment OYEZ_PORT)"),
        ("OYEZ_PORT", "9" * 5000, "port", "a whole number"),
        ("OYEZ_DEV", "maybe", "dev", "true or false (environment OYEZ_DEV)"),
    ],
)
def test_wrong_variables_are_explained(name: str, text: str, key: str, expected: str) -> None:
    error = refused(None, {name: text})
    assert error.key == key
    assert expected in error.expected


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"OYEZ_POST_LISTENER_HOST": "127.0.0.1", "OYEZ_POST_LISTENER_PORT": "15100"}, "post_listener.port"),
        ({"OYEZ_POST_LISTENER_HOST": "::1", "OYEZ_POLL_LISTENER_HOST": "::1", "OYEZ_POLL_LISTENER_PORT": "15101"},
         "poll_listener.port"),
        ({"OYEZ_UDS": "/run/oyez.sock", "OYEZ_POLL_LISTENER_UDS": "/run/oyez.sock"}, "poll_listener.uds"),
    ],
)  # fmt: skip
def test_two_doors_at_one_address_are_refused(environ: dict[str, str], key: str) -> None:
    assert refused(None, environ).key == key
    assert load(None, environ | {"OYEZ_PORT": "0", "OYEZ_POLL_LISTENER_PORT": "0", "OYEZ_POLL_LISTENER_UDS": ""}, {})


def test_wrong_flag_is_explained() -> None:
    error = refused(port="many")
    assert (error.key, error.value) == ("port", "many")
    assert "(flag --port)" in error.expected


@pytest.mark.parametrize("environ", [{"OYEZ_KEY": " Zq7 "}, {"OYEZ_KEY": "Zq\n7"}])
def test_no_error_tells_a_secret(environ: dict[str, str]) -> None:
    assert "Zq" not in str(refused(None, environ))


@pytest.mark.parametrize("password", ["hush", "hu/sh", "hu@sh", "h:u@s/h?"])
def test_password_in_a_broker_url_is_masked(password: str) -> None:
    assert refused(broker=f"amqp://judge:{password}@mq/ws").value == "amqp://judge:***@mq/ws"
    assert refused(broker=f"amqp:/judge:{password}@mq/ws").value == "amqp:/judge:***@mq/ws"
    assert refused(broker=f"amqp:judge:{password}@mq/ws").value == "amqp:***@mq/ws"
    assert refused(broker=f"judge:{password}@mq/ws").value == "judge:***@mq/ws"
    for scheme in ("rediss", "redis+unix", "sentinel+redis", "my-own.store"):
        assert refused(broker=f"{scheme}://judge:{password}@mq/x y").value == f"{scheme}://judge:***@mq/x y"


def test_name_that_is_no_setting_is_told_without_its_value(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "oyez.toml", 'kay = "Zq7"'))
    assert (error.key, error.value) == ("kay", "")
    assert explain(error).startswith("there is no setting kay; did you mean key? (file ")


def test_fields_of_lists_the_tree_and_masks_the_key() -> None:
    entries = {entry.key: entry for entry in fields_of(load(None, {}, {"key": "hush", "port": 0}))}
    assert (entries["key"].value, entries["port"].value) == ("***", 0)
    assert "hush" not in repr(load(None, {}, {"key": "hush"}))
    interval = entries["socketio.ping_interval_s"]
    assert (interval.variable, interval.flag, interval.kind) == ("OYEZ_SOCKETIO_PING_INTERVAL_S", "", "number")
    assert (entries["key_file"].flag, entries["dev"].kind) == ("--key-file", "boolean")


def test_wrong_values_are_shown_as_they_are_typed(tmp_path: Path) -> None:
    file = tmp_path / "oyez.toml"
    assert explain(refused(write(file, "port = true"))).startswith("port = true is wrong: ")
    addresses = explain(refused(write(file, "[auth]\nsender_addresses = ['10.0.0', '::1']")))
    assert addresses.startswith("auth.sender_addresses = ['10.0.0', '::1'] is wrong: ")


@pytest.mark.parametrize(
    ("toml", "warned"),
    [
        (
            "[post_listener]\nport = 15101",
            ["post_listener.port is set, and no post_listener.host: nothing listens there"],
        ),
        ("[poll_listener]\nport = 0", ["poll_listener.port is set, and no poll_listener.host: nothing listens there"]),
        ("[post_listener]\nport = 1\nhost = '127.0.0.1'", []),
        ("[post_listener]\nport = 15101\nhost = ''", []),  # as check-config --all writes it
        ("[poll_listener]\nuds = '/run/poll'", []),
    ],
)
def test_port_without_a_host_draws_a_warning(tmp_path: Path, toml: str, warned: list[str]) -> None:
    assert list(load_with_sources(write(tmp_path / "oyez.toml", toml), {}, {}).warnings) == warned


def test_every_default_obeys_its_own_rule() -> None:
    assert [
        entry.key for entry in fields_of(Settings()) if not entry.setting.accepts(entry.default, entry.default)
    ] == []
