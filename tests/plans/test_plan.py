"""Plans: what they say, every mistake in one, and which laps and settings will do."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry.base.errors import UsageError
from telemetry.laps.model import Lap
from telemetry.plans.plan import Plan, Rejection, Run
from telemetry.plans.plan_file import parse_plan, read_plan
from telemetry.plans.toml_positions import line_of, lines_of
from tests.conftest import REPOSITORY, sample_of

FORMATS = (".mcap", ".jsonl")
PRODUCTS = (".mcap", ".jsonl", ".csv", ".ld")


def load_plan(text: str) -> Plan:
    return parse_plan(text, Path("folder/plan.toml"), FORMATS, PRODUCTS)


def mistake_in(text: str) -> str:
    with pytest.raises(UsageError) as refusal:
        load_plan(text)
    message = str(refusal.value)
    start = f"{Path('folder/plan.toml')}"
    assert message.startswith(start)
    return message.removeprefix(start).lstrip(",: ")


# --- what a plan says -------------------------------------------------------------------------------------------------

WET_AND_DRY = """
name = "wet and dry"
folder = "../data"
template = "{run}-{part:02}"
format = "jsonl"
rate = 60
driver = "Ada"
notes = "all"
tags = ["a", "b"]

[defaults]
laps = 5
car = "demo_gt3"
max_tyres_out = 1
tags = ["b", "c"]
require = { aid_fuel_rate = 1, aid_stability = 0.5 }

[[run]]
name = "dry"

[[run]]
name = "wet"
driver = "Max"
notes = ""
laps = 2
valid = false
pits = true
min_time = "59.5"
max_time = "2:05.25"
session = "Time attack"
layout = ""
tags = ["d"]
[run.require]
aid_stability = 0.0
penalties_enabled = true
tyre_radius = [0.33, 0.33, 0.34, 0.34]
player_name = "x"
"""


def test_the_smallest_plan_is_a_run_with_a_name_and_laps() -> None:
    assert load_plan('[[run]]\nname = "one"\nlaps = 3') == Plan(
        name="plan",
        folder=Path("folder/plan"),
        template="{run}/{track}_{car}_{session}_{datetime}",
        suffix=".mcap",
        runs=(Run(name="one", laps=3),),
    )


@pytest.fixture(scope="module")
def wet_and_dry() -> Plan:
    return load_plan(WET_AND_DRY)


def test_a_plan_names_its_folder_and_its_files(wet_and_dry: Plan) -> None:
    assert (wet_and_dry.folder, wet_and_dry.suffix) == (Path("folder/../data"), ".jsonl")
    assert str(wet_and_dry.file_template(wet_and_dry.runs[1]).path(sample_of(), part=7)) == "wet-07"


def test_a_run_inherits_from_the_defaults_and_these_from_the_plan(wet_and_dry: Plan) -> None:
    dry, _ = wet_and_dry.runs
    assert dry == Run(
        name="dry",
        laps=5,
        driver="Ada",
        notes="all",
        tags=("a", "b", "c"),
        rate=60.0,
        max_tyres_out=1,
        require={"car_model": "demo_gt3", "aid_fuel_rate": 1.0, "aid_stability": 0.5},
    )


def test_a_run_overrides_the_defaults_and_adds_to_tags_and_requirements(wet_and_dry: Plan) -> None:
    _, wet = wet_and_dry.runs
    assert wet == Run(
        name="wet",
        laps=2,
        driver="Max",
        notes="",
        tags=("a", "b", "c", "d"),
        rate=60.0,
        valid=False,
        pits=True,
        max_tyres_out=1,
        min_time_ms=59_500,
        max_time_ms=125_250,
        require={
            "car_model": "demo_gt3",
            "session_name": "time_attack",
            "track_configuration": "",
            "aid_fuel_rate": 1.0,
            "aid_stability": 0.0,
            "penalties_enabled": 1,
            "tyre_radius": (0.33, 0.33, 0.34, 0.34),
            "player_name": "x",
        },
    )


def test_names_of_runs_that_no_system_takes_are_made_safe_in_names_of_files() -> None:
    plan = load_plan('template = "{run}/{car}"\n[[run]]\nname = "a/b: {c}?"\nlaps = 1')
    assert plan.file_template(plan.runs[0]).path(sample_of()) == Path("a-b- {c}-/demo_gt3")


def test_the_hash_of_a_run_is_about_what_a_lap_of_it_is() -> None:
    run = Run(name="a", laps=3)
    assert replace(run, name="b", laps=9, notes="n", tags=("t",), products=(".ld",)).hash == run.hash
    for other in (
        replace(run, driver="x"),
        replace(run, rate=60.0),
        replace(run, valid=False),
        replace(run, pits=True),
        replace(run, include_ai=True),
        replace(run, max_tyres_out=1),
        replace(run, min_time_ms=1),
        replace(run, max_time_ms=1),
        replace(run, require={"aid_fuel_rate": 1.0}),
    ):
        assert other.hash != run.hash


def test_a_run_takes_laps_of_the_ai_where_it_says_so() -> None:
    plan = load_plan("[[run]]\nname = 'a'\nlaps = 1\n[[run]]\nname = 'b'\nlaps = 1\ninclude_ai = true")
    assert [run.include_ai for run in plan.runs] == [False, True]
    assert "include_ai" not in plan.runs[0].definition  # the manifests of older plans are still theirs


def test_a_run_has_the_products_that_are_said_nearest_to_it() -> None:
    plan = load_plan(
        "products = ['ld']\n[[run]]\nname = 'a'\nlaps = 1\n"
        "[[run]]\nname = 'b'\nlaps = 1\nproducts = ['.csv', 'jsonl', 'csv']\n"
        "[[run]]\nname = 'c'\nlaps = 1\nproducts = []"
    )
    assert [run.products for run in plan.runs] == [(".ld",), (".csv", ".jsonl"), ()]
    defaults = load_plan("products = ['ld']\n[defaults]\nproducts = ['csv']\n[[run]]\nname = 'a'\nlaps = 1")
    assert defaults.runs[0].products == (".csv",)


def test_the_example_of_the_reference_is_a_plan() -> None:
    text = (REPOSITORY / "docs" / "plan.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    plan = load_plan(example)
    assert [(run.name, run.laps) for run in plan.runs] == [("quali", 10), ("long run", 20), ("cuts", 5)]
    quali, long_run, cuts = plan.runs
    assert quali.require["aid_tire_rate"] == 1.0
    assert (quali.max_time_ms, long_run.pits, cuts.valid) == (80_000, True, False)


# --- mistakes ---------------------------------------------------------------------------------------------------------

RUN = '[[run]]\nname = "one"\nlaps = 1\n'
LONG = "9" * 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("laps = = 3", "line 1: invalid TOML: Invalid value (column 8)."),
        ('name = "x"\n\n[[run', "line 3: invalid TOML: Expected ']]' at the end of an array declaration."),
        ('name = "x"\nname = "y"', "line 2: invalid TOML: duplicate key."),
        ("", "the plan has no runs; a run begins with [[run]]."),
        ("run = []", "the plan has no runs; a run begins with [[run]]."),
        ("[run]\nlaps = 1", "line 1, key run: runs are tables that begin with [[run]]."),
        ("[[runs]]\nlaps = 1", "line 1, key runs: unknown key. Did you mean run?"),
        (RUN + "\n# and\nlap = 3", "line 6, key lap: unknown key. Did you mean laps?"),
        (RUN + "tyres_out = 3", "line 4, key tyres_out: unknown key. Did you mean max_tyres_out?"),
        (RUN + "xyzzy = 3", "line 4, key xyzzy: unknown key."),
        ("[defaults]\nlap = 3\n" + RUN, "line 2, key lap: unknown key. Did you mean laps?"),
        ('[defaults]\nname = "x"\n' + RUN, "line 2, key name: each run needs a name of its own."),
        ("defaults = 3\n" + RUN, "line 1, key defaults: expected a table, got 3."),
        ("\n[[run]]\nlaps = 1", "line 2, key name: is missing; each run needs one."),
        (RUN + '[[run]]\nname = "two"', "line 4, key laps: is missing; each run needs one."),
        ('[[run]]\nname = " "\nlaps = 1', "line 2, key name: a run's name cannot be empty."),
        ("[[run]]\nname = 7\nlaps = 1", "line 2, key name: expected a text in quotes, got 7."),
        (
            RUN + '[[run]]\nlaps = 2\nname = "ONE"',
            "line 6, key name: the run in line 2 is named 'ONE' already.",
        ),
        ('[[run]]\nname = "x"\nlaps = 0', "line 3, key laps: expected a whole number from 1 to 1,000,000, got 0."),
        ('[[run]]\nname="x"\nlaps = true', "line 3, key laps: expected a whole number from 1 to 1,000,000, got true."),
        ('[[run]]\nname = "x"\nlaps = "3"', "line 3, key laps: expected a whole number from 1 to 1,000,000, got '3'."),
        (RUN + "max_tyres_out = 5", "line 4, key max_tyres_out: expected a whole number from 0 to 4, got 5."),
        (RUN + "valid = 1", "line 4, key valid: expected true or false, got 1."),
        (RUN + "pits = 'no'", "line 4, key pits: expected true or false, got 'no'."),
        (
            RUN + "valid = false\nmax_tyres_out = 1",
            "line 5, key max_tyres_out: has no meaning with valid = false, where invalid laps count.",
        ),
        (RUN + "tags = 'wet'", "line 4, key tags: expected a list of words like [\"wet\", \"baseline\"], got 'wet'."),
        (RUN + "tags = ['a', 3]", 'line 4, key tags: expected a list of words like ["wet", "baseline"], got a list.'),
        (RUN + "max_time = 02:05:00", 'line 4, key max_time: expected a lap time like "2:05.0", got 02:05:00.'),
        (RUN + "max_time = '2:75'", "line 4, key max_time: expected a lap time like \"2:05.0\", got '2:75'."),
        (RUN + "min_time = 0", 'line 4, key min_time: expected a lap time like "2:05.0", got 0.'),
        (RUN + "min_time = nan", 'line 4, key min_time: expected a lap time like "2:05.0", got nan.'),
        (
            RUN + "max_time = 60\nmin_time = 90.5",
            "line 5, key min_time: min_time 1:30.500 must not be above max_time 1:00.000.",
        ),
        (
            RUN + "session = 'qualifying'",
            "line 4, key session: unknown session 'qualifying'. Did you mean qualify? "  # noqa: ISC004
            "Known: practice, qualify, race, hotlap, time_attack, drift, drag.",
        ),
        (
            RUN + "[run.require]\n\naid_fuel_rates = 1",
            "line 6, key aid_fuel_rates: the game's static page has no such field. Did you mean aid_fuel_rate? "  # noqa: ISC004
            "The command 'fields static' lists them.",
        ),
        (
            RUN + "require = { speed_kmh = 1 }",
            "line 4, key speed_kmh: the game's static page has no such field. The command 'fields static' lists them.",
        ),
        (RUN + "require.aid_fuel_rate = 'x'", "line 4, key aid_fuel_rate: expected a number, got 'x'."),
        (RUN + "require.aid_fuel_rate = nan", "line 4, key aid_fuel_rate: expected a number, got nan."),
        (RUN + "require.num_cars = 1.5", "line 4, key num_cars: expected a whole number, got 1.5."),
        (RUN + "require.player_name = 3", "line 4, key player_name: expected a text in quotes, got 3."),
        (RUN + "require.tyre_radius = [0.3]", "line 4, key tyre_radius: expected number[4], got a list."),
        (RUN + "require = 3", "line 4, key require: expected a table, got 3."),
        (RUN + "car = 'a'\nrequire.car_model = 'b'", "line 5, key car_model: the key car says the same."),
        (
            "format = 'csv'\n" + RUN,
            "line 1, key format: unsupported format 'csv'. Supported: .mcap, .jsonl.",
        ),
        ('folder = "x\\u0000y"\n' + RUN, "line 1, key folder: 'x\\x00y' is not a folder name."),
        (
            RUN + f"max_time = {LONG}",
            'line 4, key max_time: expected a lap time like "2:05.0", got a number of too many digits.',
        ),
        (RUN + "max_time = 1e308", 'line 4, key max_time: expected a lap time like "2:05.0", got 1e+308.'),
        (
            RUN + f"require.aid_fuel_rate = {LONG}",
            "line 4, key aid_fuel_rate: expected a number, got a number of too many digits.",
        ),
        (
            RUN + f"require.num_cars = {LONG}",
            "line 4, key num_cars: expected a whole number, got a number of too many digits.",
        ),
        (
            f"[[run]]\nname = 'x'\nlaps = 0x{LONG * 20}",
            "line 3: a number or a name is too long.",
        ),
        (f"[[run]]\nname = 'x'\nlaps = {LONG * 20}", "line 3: a number or a name is too long."),
        (f"x = {'[' * 5000}", "line 1: brackets are nested too deeply."),
        (f"{RUN}\n{'a.' * 5000}b = 1", "line 5: a key has too many parts."),
        (
            f"rate = {LONG}\n{RUN}",
            'line 1, key rate: must be "max" or steps per second up to 333, got a number of too many digits.',
        ),
        ("products = 'ld'\n" + RUN, "line 1, key products: expected a list of formats like [\"ld\"], got 'ld'."),
        (RUN + "products = [3]", 'line 4, key products: expected a list of formats like ["ld"], got a list.'),
        (
            RUN + "products = ['ld', 'ldx']",
            "line 4, key products: unsupported format 'ldx'. Supported: .mcap, .jsonl, .csv, .ld.",
        ),
        (
            "format = 'jsonl'\n[defaults]\nproducts = ['jsonl']\n" + RUN,
            "line 3, key products: the recordings have the format .jsonl already.",
        ),
        ("rate = 400\n" + RUN, 'line 1, key rate: must be "max" or steps per second up to 333, got 400.'),
        ("rate = 'min'\n" + RUN, "line 1, key rate: must be \"max\" or steps per second up to 333, got 'min'."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_key(text: str, message: str) -> None:
    assert mistake_in(text) == message


@pytest.mark.parametrize("template", ["../{car}", "/{car}", "C:/{car}", "{run}/../../x", ""])
def test_a_template_stays_in_the_folder(template: str) -> None:
    reason = f"{template!r} does not name files inside the plan's folder."
    assert mistake_in(f"template = '{template}'\n{RUN}") == f"line 1, key template: {reason}"


def test_a_template_with_an_unknown_placeholder_is_told_what_there_is() -> None:
    message = mistake_in("\ntemplate = '{run}/{lop}'\n" + RUN)
    assert message.startswith(
        "line 2, key template: The template 'one/{lop}' contains the unknown {lop}. It may contain {track}, "
    )
    assert message.endswith(", {part}, and {run}.")


KEYS = (
    "name", "folder", "template", "format", "rate", "driver", "notes", "tags", "defaults", "run", "laps", "valid",
    "pits", "max_tyres_out", "min_time", "max_time", "car", "session", "require", "require.aid_fuel_rate",
    "require.num_cars", "require.tyre_radius", "run.require", '"a b"', "x",
)  # fmt: skip
VALUES = (
    "1", "0", "-1", "1e308", "nan", "inf", "true", "[]", "{}", "[0.3, 0.3, 0.3, 0.3]", "{ x = 1 }", "2026-11-22",
    "'2:05.0'", "'race'", "'mcap'", "'max'", "'{run}/{track:{x}}'", "'{lap:9999999999}'", '"\\u0000"', LONG, LONG * 20,
    f"0x{LONG * 20}", "[" * 3000,
)  # fmt: skip


@given(
    st.text()
    | st.lists(
        st.sampled_from(["[[run]]", "[run]", "[defaults]", "[run.require]", *RUN.splitlines()])
        | st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES) | st.text().map(repr))
        | st.text(max_size=5)
    ).map(lambda lines: "\n".join([RUN, *lines]))
)
@settings(deadline=None)
def test_any_text_is_a_plan_or_is_refused(text: str) -> None:
    with suppress(UsageError):
        plan = load_plan(text)
        for run in plan.runs:
            assert run.hash
            run.settings_errors(sample_of())
            plan.file_template(run).path(sample_of())


def test_a_plan_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "plan.toml"
    with pytest.raises(UsageError, match=r"The plan .*plan\.toml cannot be read: No such file"):
        read_plan(missing, FORMATS)
    missing.write_bytes(b"\n\nname = '\xff'")
    with pytest.raises(UsageError, match=r"plan\.toml, line 3: it is not text in UTF-8\."):
        read_plan(missing, FORMATS)


def test_a_plan_that_windows_wrote_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xef\xbb\xbf" + RUN.replace("\n", "\r\n").encode())
    assert read_plan(path, FORMATS).runs == (Run(name="one", laps=1),)
    path.write_bytes(b"\xef\xbb\xbf" + (RUN + "lap = 1").replace("\n", "\r\n").encode())
    with pytest.raises(UsageError, match="line 4, key lap: "):
        read_plan(path, FORMATS)
    path.write_bytes(RUN.encode("utf-16"))
    with pytest.raises(UsageError, match=r"plan\.toml, line 1: it is text in UTF-16, .*Convert it, "):
        read_plan(path, FORMATS)


def test_keys_are_found_around_everything_that_looks_like_one() -> None:
    lines = lines_of('''name = "a = b" # c = d
list = [ "]", # [x]
  { k = 1 }, ']',
]
text = """
[table]
x = 1
\\""""""
"quoted key".'dotted' = 1
[[run]]
one = 1
[run.inner]
two = 2
[[run]] # again
three.four = 3
[[run.sub]]
[[run.sub]]
five = """"5"""
six = \'\'\'6
6\'\'\'
seven = 7''')
    assert lines == {
        ("name",): 1,
        ("list",): 2,
        ("text",): 5,
        ("quoted key",): 9,
        ("quoted key", "dotted"): 9,
        ("run",): 10,
        ("run", 0): 10,
        ("run", 0, "one"): 11,
        ("run", 0, "inner"): 12,
        ("run", 0, "inner", "two"): 13,
        ("run", 1): 14,
        ("run", 1, "three"): 15,
        ("run", 1, "three", "four"): 15,
        ("run", 1, "sub"): 16,
        ("run", 1, "sub", 0): 16,
        ("run", 1, "sub", 1): 17,
        ("run", 1, "sub", 1, "five"): 18,
        ("run", 1, "sub", 1, "six"): 19,
        ("run", 1, "sub", 1, "seven"): 21,
    }
    assert line_of(lines, ("run", 0, "inner", "missing")) == 12
    assert line_of(lines, ("list", 1, "k")) == 2
    assert line_of(lines, ("nowhere",)) == 1


# --- which laps count -------------------------------------------------------------------------------------------------


def lap_of(**values: Any) -> Lap:
    good: dict[str, Any] = {
        "number": 1, "start_index": 1, "start": "line", "end": "line", "first": None, "last": None,
        "time_ms": 90_000,
        "measured_ms": 90_000, "sectors_ms": (), "invalid_because": (), "first_cut_m": None, "first_cut_position": None,
        "out_lap": False, "in_lap": False, "in_pits": False, "paused_s": 0.0, "top_speed_kmh": 200.0,
        "fuel_used_l": 1.0, "tyre_compound": "", "tyre_worn": (None, None, None, None), "session": "practice",
        "car": "demo_gt3", "track": "demo_ring", "layout": "",
    }  # fmt: skip
    return Lap(**{**good, **values})


CUT = {"invalid_because": ("3 tyres out at 800 m",), "first_cut_position": 0.3}
AI = {"invalid_because": ("driven by the AI",), "ai_driven": True}
PIT = {"invalid_because": ("in the pits",), "in_pits": True, "out_lap": True}


@pytest.mark.parametrize(
    ("rules", "lap", "refusal"),
    [
        ({}, {}, None),
        ({}, CUT, ("cut", "3 tyres out at 800 m")),
        ({}, PIT, ("pit", "in the pits")),
        ({"pits": True}, PIT, None),
        ({"pits": True}, {**CUT, **PIT, "invalid_because": ("tyres out", "in the pits")}, ("cut", "tyres out")),
        ({}, AI, ("ai", "driven by the AI")),
        ({"include_ai": True}, AI, None),
        ({"include_ai": True}, {**AI, **CUT}, ("cut", "3 tyres out at 800 m")),
        ({}, {"end": "restart", "invalid_because": ("restarted",), "time_ms": None}, ("unfinished", "restarted")),
        ({}, {"start": "joined", "invalid_because": ("joined late",)}, ("not whole", "joined late")),
        ({}, {"time_ms": None}, ("untimed", "no official time")),
        ({"max_time_ms": 90_000}, {}, None),
        ({"max_time_ms": 89_999}, {}, ("slow", "slower than 1:29.999")),
        ({"min_time_ms": 90_000}, {}, None),
        ({"min_time_ms": 90_001}, {}, ("fast", "faster than 1:30.001")),
    ],
)  # fmt: skip
def test_a_lap_counts_or_is_refused_with_the_reason(
    rules: dict[str, Any], lap: dict[str, Any], refusal: tuple[str, str] | None
) -> None:
    found = Run(name="r", laps=1, **rules).rejection_reason(lap_of(**lap))
    assert found == (None if refusal is None else Rejection(*refusal))  # type: ignore[arg-type]


def test_tyres_out_spoil_a_lap_as_the_run_says() -> None:
    assert Run(name="r", laps=1).thresholds.tyres_out == 3
    assert Run(name="r", laps=1, max_tyres_out=0).thresholds.tyres_out == 1
    assert Run(name="r", laps=1, valid=False).thresholds.tyres_out == 5


# --- which settings will do -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("require", "settings_errors"),
    [
        ({}, ()),
        ({"car_model": "demo_gt3", "track": "demo_ring", "track_configuration": ""}, ()),
        ({"car_model": "ks_ferrari"}, ("the car must be ks_ferrari and is demo_gt3",)),
        ({"track_configuration": "short"}, ("the layout must be short and is none",)),
        ({"session_name": "race"}, ("the session must be race and is practice",)),
        ({"max_fuel": 0.00001}, ()),
        ({"track_spline_length": 3000.2}, ()),
        ({"track_spline_length": 3000.4}, ("track_spline_length must be 3000.4 and is 3000",)),
        ({"aid_auto_clutch": 1}, ("aid_auto_clutch must be 1 and is 0",)),
        ({"tyre_radius": (0.33, 0.33, 0.34, 0.34)}, ()),
        (
            {"tyre_radius": (0.33, 0.33, 0.34, 0.5)},
            ("tyre_radius must be [0.33, 0.33, 0.34, 0.5] and is [0.33, 0.33, 0.34, 0.34]",),
        ),
        (
            {"aid_tire_rate": 1.0, "aid_fuel_rate": 0.5, "track": "spa"},
            (
                "the track must be spa and is demo_ring",
                "aid_fuel_rate must be 0.5 and is 0",
                "aid_tire_rate must be 1 and is 0",
            ),
        ),
    ],
)  # fmt: skip
def test_wrong_settings_are_named_with_what_the_game_has(
    require: dict[str, Any], settings_errors: tuple[str, ...]
) -> None:
    assert Run(name="r", laps=1, require=require).settings_errors(sample_of()) == settings_errors
