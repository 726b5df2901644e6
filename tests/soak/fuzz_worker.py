"""The process in which files are fuzzed: ``python -m tests.soak.fuzz_worker READER SEED INPUTS GOOD FOLDER``.

It prints a JSON line before and after each command; the process that started it watches the time.
"""

import contextlib
import gzip
import io
import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import zstandard
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from ac_native_memory import Pages
from telemetry.cli import main as command_line
from telemetry.fields.derived import derive
from telemetry.fields.selection import ALL_COLUMNS
from telemetry.fields.snapshot import decode
from telemetry.fields.wire import LineEncoder
from tests.soak.fuzz_files import MAX_CPU_S, MEMORY_MB
from tests.soak.game_files import write_checkout, write_game
from tests.soak.mutation import mutate, mutate_mcap, nasty_json

Commands = list[list[str]]

ENDS: Final = (0, 1, 2, 3, 4, 130)
"""The exit codes that are documented; 130 is Ctrl-C before there was anything."""

PLAN: Final = b"""name = "fuzz"
rate = 20
format = ".jsonl"
driver = "Ada"
tags = ["a", "b"]
[defaults]
car = "demo_gt3"
[defaults.require]
aid_fuel_rate = 1.0
[[run]]
name = "one"
laps = 1
max_time = "1:20.0"
session = "practice"
"""
SPEC: Final = b"""control_hz = 20
[observation]
shape = "flat"
fields = ["speed", "rpm", "wheel_slip", {name = "brake_temp", scale = 400}]
action_history = 3
mask = false
[action]
pedals = "steer_pedal"
[reward]
progress = 0.02
[end]
tyres_out = 4
seconds = 600
"""
SPEC_OF_JSON: Final = b"""{"control_hz": 20, "observation": {"fields": ["speed", {"name": "rpm", "scale": 9000}]},
"action": {"pedals": "steer_pedal"}, "reward": "acgym", "end": {"tyres_out": 4}}"""


class Fuzzer:
    """Makes the inputs of one reader and the commands that read them."""

    def __init__(self, reader: str, good: Path, folder: Path) -> None:
        self._reader = reader
        self._folder = folder
        self._good = good
        self._plain = b""
        self._server: FuzzedStream | None = None
        self._timer: threading.Timer | None = None
        if reader.startswith("jsonl"):
            lines = folder / "good.jsonl"
            self.run("convert", str(good), str(lines), "--rate", "10", "--quiet")
            self._plain = lines.read_bytes()
            lines.unlink()
        if reader == "manifest":
            (folder / "plan.toml").write_bytes(PLAN)
            with contextlib.suppress(SystemExit):
                self.run("plan", "run", str(folder / "plan.toml"), str(folder / "out"), "--source", "demo", "--speed",
                         "max", "--duration", "5", "-q")  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str]:
        """The exit code and what was said on standard error."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        sys.argv = ["main.py", *arguments]
        code: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                command_line()
            except SystemExit as end:
                code = end.code or 0
            if self._timer is not None:
                self._timer.cancel()
                self._timer.join()
            for stream in (out, err):
                with contextlib.suppress(ValueError):
                    stream.flush()
        said = err.buffer.getvalue().decode(errors="replace")
        return int(code), said

    def commands(self, random: Random) -> Commands:
        """Write an input, and say which commands are to read it."""
        make: dict[str, Callable[[Random], Commands]] = {
            "pages": self._pages, "plan": self._plan, "manifest": self._manifest, "spec": self._spec,
            "list": self._list, "stream": self._stream, "game-files": self._game_files,
        }  # fmt: skip
        return make.get(self._reader, self._recording)(random)

    def _recording(self, random: Random) -> Commands:
        path = self._folder / f"in.{self._reader}"
        if self._reader == "mcap":
            data = self._good.read_bytes()
            data = random.choice((mutate, mutate_mcap, mutate_mcap))(data, random)
        else:
            pack = {
                "jsonl": lambda data: data,
                "jsonl.gz": lambda data: gzip.compress(data, 1),
                "jsonl.zst": zstandard.ZstdCompressor(level=1).compress,
            }[self._reader]
            data = pack(mutate(self._plain, random)) if random.random() < 0.7 else mutate(pack(self._plain), random)
        path.write_bytes(data)
        out = self._folder / random.choice(("out.csv", "out.parquet", "out.mcap", "out.jsonl", "out.jsonl.zst"))
        commands = [
            ["info", str(path)],
            ["laps", str(path)],
            ["validate", str(path)],
            ["convert", str(path), str(out), "--overwrite", "--quiet"],
            ["read", "--source", str(path), "--speed", "max", "--quiet"],
            ["dataset", "npz", str(path), "-o", str(self._folder / "set"), "--episode", "session", "--jobs", "1", "-q"],
        ]
        # recover changes the file, and is the last.
        return [*random.sample(commands, 2), ["recover", str(path)]]

    def _pages(self, random: Random) -> Commands:
        folder = self._folder / "pages"
        folder.mkdir(exist_ok=True)
        fixtures = Path(__file__).parents[2] / "fixtures" / "pages"
        for source in fixtures.iterdir():
            data = source.read_bytes()
            (folder / source.name).write_bytes(mutate(data, random) if random.random() < 0.6 else data)
        self._press_ctrl_c_later()  # pages may say for ever that the game only loads
        limits = ["--no-wait", "--duration", "0.2", "--quiet"]
        lines = ["--json-output", str(self._folder / "out.jsonl"), "--overwrite", "--include-paused"]
        return [["read", "--source", str(folder), *limits, *lines]]

    def _plan(self, random: Random) -> Commands:
        path = self._folder / "plan.toml"
        path.write_bytes(mutate(PLAN, random))
        out = str(self._folder / "out")
        return [["plan", "run", str(path), out, "--source", "demo", "--speed", "max", "--duration", "2", "-q"]]

    def _manifest(self, random: Random) -> Commands:
        out = self._folder / "out"
        manifest = out / "manifest.json"
        good = self._folder / "manifest.good"
        if not good.exists():
            shutil.copy(manifest, good)
        data = good.read_bytes()
        if random.random() < 0.5:
            values = json.loads(data)
            _change(values, random)
            data = json.dumps(values).encode()
        else:
            data = mutate(data, random)
        manifest.write_bytes(data)
        plan = str(self._folder / "plan.toml")
        return [["plan", "run", plan, str(out), "--source", "demo", "--speed", "max", "--duration", "2", "-q"]]

    def _spec(self, random: Random) -> Commands:
        path = self._folder / random.choice(("spec.toml", "spec.json"))
        if path.suffix == ".toml":
            path.write_bytes(mutate(SPEC, random))
        else:
            path.write_bytes(mutate(SPEC_OF_JSON, random))
        out = ["-o", str(self._folder / "set"), "--episode", "session", "--jobs", "1", "-q"]
        return [["dataset", "npz", str(self._good), "--spec", str(path), *out]]

    def _game_files(self, random: Random) -> Commands:
        folder = self._folder / "game"
        shutil.rmtree(folder, ignore_errors=True)
        option, write = random.choice((("--ac-root", write_game), ("--acgym", write_checkout)))
        path = random.choice(write(folder))
        path.write_bytes(mutate(path.read_bytes(), random))
        out = ["-o", str(self._folder / "set"), "--jobs", "1", "-q"]
        return [["dataset", "assetto_corsa_gym", str(self._good), option, str(folder), *out]]

    def _press_ctrl_c_later(self) -> None:
        self._timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
        self._timer.start()

    def _stream(self, random: Random) -> Commands:
        if self._server is None:
            self._server = FuzzedStream()
        self._server.messages = [
            mutate(self._server.good, random) if random.random() < 0.7 else json.dumps(nasty_json(random)).encode()
            for _ in range(random.choice((1, 5)))
        ]
        self._press_ctrl_c_later()  # a reader goes on trying to reach a stream that is gone
        out = ["--json-output", str(self._folder / "out.jsonl"), "--overwrite"]
        return [["read", "--source", f"ws://127.0.0.1:{self._server.port}", "--quiet", *out]]

    def _list(self, random: Random) -> Commands:
        path = self._folder / "list.txt"
        path.write_bytes(mutate(f"{self._good}\n{self._good.name}\n*.mcap\n".encode(), random))
        out = ["-o", str(self._folder / "set"), "--episode", "session", "--jobs", "1", "-q"]
        return [["dataset", "npz", f"@{path}", *out]]


class FuzzedStream:
    """A server that sends what it is given to each client, and closes."""

    def __init__(self) -> None:
        from telemetry.demo import DemoGame

        game = DemoGame(7)
        for _ in range(1000):
            game.step()
        pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), 1.7e9)
        self.good = LineEncoder(ALL_COLUMNS).encode(derive(decode(pages), None))
        self.messages: list[bytes] = []
        server = serve(self._send, "127.0.0.1", 0)
        self.port: int = server.socket.getsockname()[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def _send(self, connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in self.messages:
                connection.send(self.good, text=True)
                connection.send(message, text=True)


def _change(values: Any, random: Random) -> None:
    """Another value at a random place of a JSON document."""
    while isinstance(values, (dict, list)) and values:
        key = random.choice(list(values)) if isinstance(values, dict) else random.randrange(len(values))
        if not isinstance(values[key], (dict, list)) or not values[key] or random.random() < 0.2:
            values[key] = nasty_json(random)
            return
        values = values[key]


def say(**values: Any) -> None:
    """A JSON line for the process that watches."""
    sys.__stdout__.write(json.dumps(values) + "\n")  # type: ignore[union-attr]  # it has one
    sys.__stdout__.flush()  # type: ignore[union-attr]  # likewise


def cpu_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def clear(folder: Path) -> Iterator[str]:
    """Remove what commands made, so that each input finds the same."""
    for name in ("set", "in", "out.csv", "out.parquet", "out.mcap", "out.jsonl", "out.jsonl.zst"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
            yield name
        elif path.exists():
            path.unlink()
            yield name


def main(reader: str, seed: int, inputs: int, good: Path, folder: Path) -> None:
    """Try so many inputs."""
    fuzzer = Fuzzer(reader, good, folder)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB << 20, MEMORY_MB << 20))
    for number in range(inputs):
        random = Random(seed + number)
        list(clear(folder))
        for command in fuzzer.commands(random):
            at = f"input {number}: {' '.join(command[:2])}"
            say(at=at)
            began = cpu_seconds()
            try:
                code, said = fuzzer.run(*command)
            except BaseException as error:  # noqa: BLE001 - whatever comes out is the finding
                import traceback

                frame = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{os.path.relpath(frame.filename)}:{frame.lineno}"
                say(at=at, failed=f"{type(error).__name__}: {str(error)[:300]} at {place}")
                return
            seconds = cpu_seconds() - began
            if seconds > MAX_CPU_S:
                say(at=at, failed=f"took {seconds:.1f} s of processor time")
                return
            if code not in ENDS or "Traceback" in said or (code and not said.strip() and command[0] != "validate"):
                say(at=at, failed=f"ended with {code}, and said {said[-1000:]!r}")
                return
            say(at=at, seconds=seconds)
        say(at=f"input {number}", done=1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]), Path(sys.argv[5]))
