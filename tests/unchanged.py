"""What users get today, in a form small enough to keep: the test compares it, ``scripts/make_fixtures.py`` stores it.

Everything comes through the command line, so that modules may be renamed and moved. Times of the clock on the wall and
folders are left out, and so are words of messages and of help.

Numbers of the demo are the same bits on every platform: it only adds, multiplies, divides and takes roots. Numbers that
NumPy computed are rounded before they are compared: their last bit may depend on the processor.
"""

import csv
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pytest
from mcap.reader import make_reader
from websockets.sync.client import connect

from tests.conftest import PATIENCE, REPOSITORY, main_in_process

STORED: Final = REPOSITORY / "fixtures" / "unchanged"
LAP: Final = REPOSITORY / "fixtures" / "lap.jsonl.zst"
PAGES: Final = REPOSITORY / "fixtures" / "pages"
SCENARIOS: Final = {
    "laps": 3, "offtrack": 25, "lockup": 15, "crash": 20, "pit": 13, "pause": 16, "restart": 23, "worn": 3,
}  # fmt: skip
"""How many seconds of each it takes until something happens."""
WALL_CLOCK: Final = frozenset({"timestamp", "began", "created", "date"})
"""Keys whose values are times of the clock on the wall."""

Seen = dict[str, Any]


def digest(data: bytes) -> str:
    """The first 16 hexadecimal digits of a SHA-256: enough to tell one build from the next."""
    return hashlib.sha256(data).hexdigest()[:16]


def run(*arguments: str | Path, code: int = 0) -> str:
    """What a command prints on standard output; its exit code must be this one."""
    result = main_in_process(*arguments)
    assert result.returncode == code, (arguments, result.stderr)
    return result.stdout


def without_times(value: Any, *left_out: str) -> Any:
    """The same without keys that depend on the moment, the folder or the version, and without folders in ``file``."""
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if key not in {*WALL_CLOCK, *left_out}}
        return {key: Path(one).name if key == "file" else without_times(one, *left_out) for key, one in kept.items()}
    if isinstance(value, list):
        return [without_times(one, *left_out) for one in value]
    return value


def without_digits(name: str) -> str:
    """A file's name with another text for the date and time in it."""
    return re.sub(r"\d{8}-\d{6}", "DATETIME", name)


def seen_of_lines(data: bytes) -> Seen:
    """JSON lines: their number, their bytes without the time of day, and the values of each field."""
    lines = [re.sub(rb'^\{"timestamp":[0-9.e+-]+', b'{"timestamp":0', line) for line in data.splitlines()]
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for line in lines:
        for key, value in orjson.loads(line).items():
            columns[key].append(value)
    return {
        "lines": len(lines),
        "bytes": digest(b"\n".join(lines)),
        "fields": " ".join(f"{key}:{digest(orjson.dumps(values))[:4]}" for key, values in columns.items()),
    }


def seen_of_columns(columns: Mapping[str, Any]) -> Seen:
    """Arrays by name: type, shape and a digest of their values, rounded to nine significant digits."""
    return {name: seen_of_array(np.asarray(values)) for name, values in columns.items()}


def seen_of_array(values: np.ndarray[Any, Any]) -> str:
    """One of them."""
    if values.dtype.kind == "f":
        digits = 9 if values.dtype.itemsize == 8 else 5
        text = " ".join(f"{value:.{digits}g}" for value in values.ravel().tolist())
    else:
        text = json.dumps(values.tolist(), default=str)
    return f"{values.dtype} {'x'.join(map(str, values.shape))} {digest(text.encode())}"


# What the commands write and print


def demo_lines(folder: Path) -> Seen:
    """Lines of every scenario: slowly for long enough to see something happen, and quickly for a moment."""
    found: Seen = {}
    for scenario, long in SCENARIOS.items():
        for rate, seconds in ((10, long), (60, 1)):
            path = folder / f"{scenario}-{rate}.jsonl"
            arguments = ["--source", f"demo:{scenario}", "--seed", "3", "--speed", "max", "--rate", str(rate)]
            run("read", *arguments, "--duration", str(seconds), "--json-output", path, "--quiet", "--include-paused")
            found[path.stem] = seen_of_lines(path.read_bytes())
    return found


def chosen_lines(folder: Path) -> Seen:
    """Lines with the options that change what is in them."""
    source = ["--source", str(LAP), "--speed", "max", "--quiet", "--json-output", "-"]
    options = {
        "all": [],
        "chosen": ["--fields", "speed_kmh,tyre_*,lap*,rpms,derived"],
        "part": ["--from", "1:00", "--to", "lap:1", "--rate", "5"],
        "thresholds": ["--tyres-out", "1", "--lock-brake", "0.2", "--lock-slip", "0.1", "--steer-lock", "270"],
    }
    found = {name: seen_of_lines(run("read", *source, *words).encode()) for name, words in options.items()}
    line = orjson.loads(run("read", "--source", PAGES, "--samples", "1", *source[4:]))
    found["line of pages"] = without_times(line, "elapsed")
    return found


def fields(folder: Path) -> Seen:
    """The table of fields without their meanings, and the schema without its descriptions."""
    table = json.loads(run("fields", "--json"))
    schema = json.loads(run("fields", "--json-schema"))
    words = ("meaning", "description", "title")
    return {"keys": list(table[0]), "fields": without_times(table, *words), "schema": without_times(schema, *words)}


def mcap_seen(path: Path) -> Seen:
    """Channels, schemas, metadata and every message of an MCAP."""
    counts: Counter[str] = Counter()
    hashes: dict[str, Any] = defaultdict(hashlib.sha256)
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        assert summary is not None
        start: int | None = None
        for _, channel, message in reader.iter_messages():
            start = message.log_time if start is None else start
            counts[channel.topic] += 1
            moment = round((message.log_time - start) / 1e6)  # whole milliseconds: the clock's start has its own digits
            hashes[channel.topic].update(moment.to_bytes(8, "little") + message.data)
        metadata = {record.name: sorted(record.metadata) for record in reader.iter_metadata()}
        header = reader.get_header()
    return {
        "profile": header.profile,
        "channels": {
            channel.topic: {
                "encoding": channel.message_encoding,
                "schema": summary.schemas[channel.schema_id].name if channel.schema_id else None,
                "metadata": sorted(channel.metadata),
                "messages": counts[channel.topic],
                "data": hashes[channel.topic].hexdigest()[:16] if "event" not in channel.topic else None,
            }
            for channel in summary.channels.values()
        },
        "schemas": {one.name: [one.encoding, digest(one.data)] for one in summary.schemas.values()},
        "metadata": metadata,
    }


def recordings(folder: Path) -> Seen:
    """Recordings of the demo, whole and in parts, and what the commands say of them."""
    path = folder / "drive.mcap"
    said = run("record", path, "--source", "demo", "--speed", "max", "--duration", "3", "--quiet", "--json-summary")
    parts, laps = folder / "parts", folder / "laps"
    name = ["--name", "{track}/{car}-{session}-{lap}-{part:02}"]
    timed = ["--source", "demo:restart", "--speed", "max", "--duration", "2.5", "--quiet"]
    run("record", f"{parts}{os.sep}", *timed, "--split", "time:1s", *name)
    run(
        "record", f"{laps}{os.sep}", "--source", LAP, "--speed", "max", "--quiet", "--split", "lap", "--format", "jsonl"
    )
    left_out = ("size", "jitter_p50_ms", "jitter_p99_ms", "interval_p99_ms", "interval_max_ms", "rate_hz")
    files = sorted(one for one in [*parts.rglob("*"), *laps.rglob("*")] if one.is_file())
    return {
        "mcap": mcap_seen(path),
        "summary": sorted(json.loads(said)),
        "files": [without_digits(one.relative_to(folder).as_posix()) for one in files],
        "info": without_times(json.loads(run("info", "--json", path)), *left_out),
        "info of a lap": without_times(json.loads(run("info", "--json", LAP))),
        "laps": json.loads(run("laps", "--json", path)),
        "laps of a lap": without_times(json.loads(run("laps", "--json", LAP, "--tyres-out", "2"))),
        "validate": without_times(json.loads(run("validate", "--json", path)), "message"),
        "validate of a lap": without_times(json.loads(run("validate", "--json", LAP))),
    }


def end_of_lap(folder: Path) -> Path:
    """The last seconds of the recorded lap and the line, as a recording of its own."""
    path = folder / "end.jsonl"
    run("read", "--source", LAP, "--speed", "max", "--quiet", "--from", "1:16", "--json-output", path)
    return path


def read_parquet(path: Path) -> Any:
    """The table in a file."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    return parquet.read_table(path)


def conversions(folder: Path) -> Seen:
    """The end of the recorded lap in every other format."""
    found: Seen = {}
    source = end_of_lap(folder)
    for suffix in ("jsonl", "jsonl.gz", "csv", "csv.gz", "parquet", "mcap"):
        path = folder / f"lap.{suffix}"
        run("convert", source, path, "--rate", "20", "--quiet")
        data = gzip.decompress(path.read_bytes()) if suffix.endswith(".gz") else path.read_bytes()
        if "jsonl" in suffix:
            found[suffix] = seen_of_lines(data)
        elif "csv" in suffix:
            rows = list(csv.reader(io.StringIO(data.decode())))
            columns = " ".join(f"{one[0]}:{digest(' '.join(one).encode())[:4]}" for one in zip(*rows, strict=True))
            found[suffix] = {"rows": len(rows), "bytes": digest(data), "columns": columns}
        elif suffix == "parquet":
            table = read_parquet(path)
            found[suffix] = {
                name: f"{table.schema.field(name).type} {digest(orjson.dumps(table[name].to_pylist()))[:8]}"
                for name in table.column_names
            }
        else:
            found[suffix] = mcap_seen(path)
    run(
        "convert", source, folder / "units.csv", "--units", "--fields", "speed_kmh,gear,wheel_slip,car_model", "--quiet"
    )
    found["units"] = (folder / "units.csv").read_bytes().decode().split("\n")[:3]
    return found


def plans(folder: Path) -> Seen:
    """A plan's folder: its files, the manifest and the report on quality."""
    plan = '[defaults]\ntags = ["wet"]\n[[run]]\nname = "one"\nlaps = 1\nrequire = { car_model = "demo_gt3" }\n'
    (folder / "plan.toml").write_text(f'{plan}[[run]]\nname = "two"\nlaps = 2\nmax_tyres_out = 1\n', encoding="utf-8")
    run("record", "--plan", folder / "plan.toml", "--source", LAP, "--speed", "max", "--quiet", code=4)
    manifest = (folder / "plan" / "manifest.json").read_text(encoding="utf-8")
    return {
        "files": sorted(without_digits(one.relative_to(folder).as_posix()) for one in folder.rglob("*")),
        "manifest": without_times(json.loads(without_digits(manifest)), "version", "bytes"),
        "quality": sorted(json.loads((folder / "plan" / "quality.json").read_text(encoding="utf-8"))),
    }


def datasets(folder: Path) -> Seen:
    """Datasets: of the recorded lap, and of its end."""
    found: Seen = {}
    short: list[str | Path] = [end_of_lap(folder), "--episode", "stint"]
    whole: list[str | Path] = [LAP, "--rate", "10"]
    for kind, words in {"npz": whole, "parquet": short, "lerobot": short}.items():
        run("dataset", kind, *words, "-o", folder / kind, "--quiet", "--jobs", "1")
        files = sorted(one for one in (folder / kind).rglob("*") if one.is_file())
        found[kind] = {one.relative_to(folder / kind).as_posix(): seen_of_file(one) for one in files}
    return found


def seen_of_file(path: Path) -> Any:
    """What is in a file of a dataset."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return seen_of_columns(arrays)
    if path.suffix == ".parquet":
        table = read_parquet(path)
        return seen_of_columns({name: table[name].to_pylist() for name in table.column_names if name != "timestamp"})
    return sorted(json.loads(path.read_bytes())) if path.suffix == ".json" else None


# The stream


@contextmanager
def serving(*options: str | Path) -> Iterator[str]:
    """The address of a server for as long as it is needed."""
    command = [sys.executable, "main.py", "serve", "--port", "0", *map(str, options)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if address := re.search(r"ws://[\w.:]+", line):
                    break
            else:
                raise AssertionError("the server ended")
            yield address[0]
        finally:
            process.kill()


def stream(folder: Path) -> Seen:
    """Messages of the stream: of the hello its keys, the others whole but for the time."""
    with (
        serving("--source", end_of_lap(folder), "--loop", "--speed", "20", "--rate", "20") as url,
        connect(
            f"{url}/?hello=1&events=1&rate=5&fields=speed_kmh,gear", max_size=None, open_timeout=PATIENCE
        ) as client,
    ):
        client.send('{"type": "subscribe", "rate": 20, "fields": "rpm,tyre_*,gas", "names": "sdk"}')
        client.send('{"type": "ping"}')
        client.send('{"type": "subscribe", "fields": "gear,geer", "colour": 1}')
        client.send('{"type": "ping", "id": [1, "a"]}')
        messages: list[Seen] = []
        answers = {"hello": 1, "subscribed": 2, "error": 2, "pong": 2, "lap": 1, "sample": 1, "state": 1}
        left = Counter(answers)
        while +left:
            messages.append(orjson.loads(client.recv(timeout=PATIENCE)))
            left[messages[-1].get("type", "sample")] -= 1
    kinds = {kind: [one for one in messages if one.get("type", "sample") == kind][:n] for kind, n in answers.items()}
    lap = kinds["lap"][0]
    surest = ("number", "start", "end", "time_ms", "sectors_ms", "invalid_because", "kind", "valid", "complete", "car")
    return {
        "hello": {
            key: "null before the first sample" if key in {"session", "static"} else type(value).__name__
            for key, value in kinds["hello"][0].items()
        },
        "subscription": kinds["hello"][0]["subscription"],
        "schema": digest(orjson.dumps(without_times(kinds["hello"][0]["schema"], "description", "title"))),
        "units": kinds["hello"][0]["units"],
        "thresholds": kinds["hello"][0]["thresholds"],
        "display_limits": kinds["hello"][0]["display_limits"],
        "subscribed": kinds["subscribed"],
        "pong": kinds["pong"],
        "error": [sorted(one) for one in kinds["error"]],
        "state": [sorted(one) for one in kinds["state"]],
        "sample": next(list(one) for one in reversed(messages) if "type" not in one),
        "lap": {key: lap[key] for key in surest},
        "keys of a lap": {key: sorted(one) if isinstance(one, dict) else None for key, one in lap.items()},
    }


# The dashboard

SHOWN: Final = (
    "car-name", "track-name", "session", "rpm", "rpm-limit", "gear", "speed", "clutch-text", "brake-text",
    "gas-text", "steer", "lap-number", "lap-position", "lap-time", "delta", "last-time", "best-time",
    "map-progress", "compound", "tyres", "g-lateral", "g-longitudinal", "damage-front", "damage-left",
    "damage-right", "damage-rear", "damage-overall", "fuel", "fuel-laps", "air", "road", "grip", "wind", "bias",
)  # fmt: skip
"""Places of the page that show values and hardly any word."""
TEXTS: Final = (
    "() => Object.fromEntries([...document.querySelectorAll('[id]')].map((one) => [one.id, one.textContent]))"
)


def dashboard(folder: Path) -> Seen:
    """What the page shows of the first sample of the second lap: the sample is the last that reaches it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("the page's tests need a Chromium: apt-get install chromium")
    reached: list[Seen] = []

    def pass_on(socket: Any) -> None:
        def on_message(text: str) -> None:
            message = orjson.loads(text)
            if not reached:
                socket.send(text)
                reached.extend([message] * (message.get("completed_laps") == 1 and message["current_time"] == 84))

        socket.connect_to_server().on_message(on_message)

    with (
        serving("--source", end_of_lap(folder), "--loop", "--speed", "8", "--rate", "20") as url,
        playwright.sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.route_web_socket("**/*", pass_on)
        page.goto(url.replace("ws:", "http:"))
        end = time.monotonic() + PATIENCE
        while not reached or page.evaluate(TEXTS)["lap-number"] != "2":
            assert time.monotonic() < end, "the page never showed the second lap"
            page.wait_for_timeout(30)
        page.wait_for_timeout(500)  # what it draws less often than the lap's number
        texts = page.evaluate(TEXTS)
        browser.close()
    return {name: re.findall(r"[-+\N{MINUS SIGN}]?[\d.:]+", texts[name]) or texts[name].strip() for name in SHOWN}


# The command line


OPTIONS: Final[Mapping[str, str]] = {
    "bridge": "--pages= --csp",
    "convert": "--rate= --fields= --laps= --valid-only --include-paused --units --decimal-comma --overwrite "
    "--quiet -q --tyres-out=",
    "dataset": "--output= -o= --spec= --episode= --laps= --valid-only --rate= --name= --acgym= --ac-root= "
    "--steer-lock= --force --jobs= -j= --engine= --address= --restart --tyres-out= --quiet -q",
    "doctor": "--source= --output-dir= --json",
    "fields": "--json --json-schema --duckdb --polars --arrow --csv",
    "info": "--json --tyres-out=",
    "validate": "--max-gap-share= --strict --json --tyres-out=",
    "laps": "--json --tyres-out=",
    "publish": "--source= --pages= --duration= --speed= --from= --to= --loop --seed= --quiet -q",
    "read": "--source= --rate= --no-wait --speed= --from= --to= --loop --seed= --quiet -q --json-output= --fields= "
    "--append --overwrite --include-paused --json-summary --duration= --samples= --laps= --steer-lock= "
    "--tyres-out= --lock-brake= --lock-rule= --lock-slip= --min-load= --locked-wheel= --brake-on= --min-speed= "
    "--tyre-floor= --tyre-damaged= --tyre-critical= --damaged= --critical=",
    "record": "--plan= --source= --rate= --no-wait --speed= --from= --to= --seed= --quiet -q --json-summary "
    "--tyres-out= --split= --name= --format= --overwrite --max-total= --keep-last= --driver= --notes= --tags= "
    "--duration= --laps= --sessions= --until-exit",
    "marker": "",
    "recover": "",
    "serve": "--source= --protocol= --rate= --port= --speed= --loop --seed= --duration= --quiet -q --include-paused "
    "--host= --token= --allow-origin= --stall-timeout= --compress --json-output= --record= --lock-step "
    "--actuator= --restart-button= --management-port= --acgym= --ac-root= --steer-lock= --tyres-out= "
    "--lock-brake= --lock-rule= --lock-slip= --min-load= --locked-wheel= --brake-on= --min-speed= --tyre-floor= "
    "--tyre-damaged= --tyre-critical= --damaged= --critical=",
}
"""The options of each command; those that take a value end in =."""


def options(folder: Path) -> Seen:
    """The exit code of each command's help when every option stands before it: 2 were one of them not known."""
    found: Seen = {}
    for command, known in OPTIONS.items():
        words = [
            word for option in known.split() for word in (option.removesuffix("="), *(["1"] * option.endswith("=")))
        ]
        found[command] = main_in_process(command, *words, "--help").returncode
    return found


def exit_codes(folder: Path) -> Seen:
    """Exit codes of what goes well and of what does not."""
    (folder / "pages").mkdir()
    (folder / "empty.mcap").touch()
    (folder / "text.jsonl").write_text("no line\n", encoding="utf-8")
    commands: dict[str, list[str | Path]] = {
        "no command": ["nothing"],
        "no option": ["read", "--nothing"],
        "no file": ["info", folder / "none.mcap"],
        "no game": ["read", "--source", folder / "pages", "--no-wait", "--quiet"],
        "no folder": ["read", "--source", folder / "none", "--no-wait", "--quiet"],
        "bad field": ["read", "--source", LAP, "--fields", "geer", "--json-output", "-"],
        "bad rate": ["read", "--rate", "0"],
        "bad source": ["read", "--source", "demo:none"],
        "exists": ["convert", LAP, folder / "text.jsonl"],
        "suffix": ["convert", LAP, folder / "lap.xyz"],
        "empty": ["laps", folder / "empty.mcap"],
        "no lines": ["laps", folder / "text.jsonl"],
        "no plan": ["record", "--plan", folder / "none.toml", "--source", "demo"],
        "version": ["--version"],
        "help": ["--help"],
    }
    return {name: main_in_process(*words).returncode for name, words in commands.items()}


OBSERVATIONS: Final[dict[str, Callable[[Path], Seen]]] = {
    "demo_lines": demo_lines,
    "chosen_lines": chosen_lines,
    "fields": fields,
    "recordings": recordings,
    "conversions": conversions,
    "plans": plans,
    "datasets": datasets,
    "stream": stream,
    "dashboard": dashboard,
    "options": options,
    "exit_codes": exit_codes,
}


def differences(before: Any, now: Any, place: str = "") -> list[str]:
    """Where two of them differ."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys([*before, *now])
        return [one for key in keys for one in differences(before.get(key), now.get(key), f"{place}/{key}")]
    if before == now:
        return []
    if isinstance(before, str) and isinstance(now, str) and " " in before:
        lost, new = ([one for one in a.split() if one not in b.split()] for a, b in ((before, now), (now, before)))
        return [f"{place}: only before {lost}, only now {new}" if lost or new else f"{place}: in another order"]
    former, present = ("nothing" if one is None else repr(one) for one in (before, now))
    return [f"{place}: {former} became {present}"]
