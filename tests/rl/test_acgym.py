"""assetto_corsa_gym's protocol as a client of it sees it, by sockets, on the demo, a recording and a live game."""

import json
import math
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError
from telemetry.demo import DemoGame, demo_track
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.rl.acgym.client import ClientState
from telemetry.rl.acgym.messages import Reply, StateWriter, parse_reply, static_text, track_text
from telemetry.rl.acgym.queries import Queries
from telemetry.rl.acgym.session import REQUIRED_FIELDS, AcgymSession, Served, TimeBase
from telemetry.rl.acgym.sockets import MANAGEMENT_PORT, PluginSockets
from telemetry.rl.action import Command
from telemetry.rl.actuators import Actuator, CustomAi, VJoy
from telemetry.rl.backends import open_backend
from telemetry.rl.backends.replay import resampled
from telemetry.sources import open_page_sink
from tests.commands import interrupt, start, with_signals
from tests.conftest import PATIENCE, REPOSITORY, main_in_process, real_time, sample_of, snapshot_of, wait_until
from tests.recorded import write

pytestmark = real_time

SILENT = Command()


class Rig:
    """A session in a thread of its own, on ports that the system chose."""

    def __init__(
        self, source: str | Path = "demo", *, speed: float = 1.0, lock_step: bool = True, **options: Any
    ) -> None:
        self.said: list[str] = []
        self.served: Served | None = None
        self.error: Exception | None = None
        self.clock = Clock(speed)
        self._backend = open_backend(str(source), 25.0, clock=self.clock, read_samples=resampled)
        pace = TimeBase.ANSWERS if lock_step else TimeBase.WORLD if Path(source).is_dir() else TimeBase.CLOCK
        self._actuator: Actuator | None = options.get("actuator")
        self.sockets = PluginSockets(port=0, management_port=0)
        self._session = AcgymSession(
            self._backend, pace, rate=25.0, clock=self.clock, say=self.said.append, **{"steer_lock": 450.0, **options}
        )
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.served = self._session.run(self.sockets, self._ready.set)
        except Exception as error:  # noqa: BLE001 - a test looks at it
            self.error = error
        self._ready.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.clock.stop()
        self._thread.join(PATIENCE)
        self.sockets.close()
        self._backend.close()
        if self._actuator is not None:
            self._actuator.close()

    def ask(self, *words: str) -> list[Any]:
        """What is answered to each word on one connection; None to a reset."""
        return ask(self.sockets.management_port, *words)


def ask(port: int, *words: str) -> list[Any]:
    answers: list[Any] = []
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        for word in words:
            connection.sendall(word.encode())
            answers.append(None if word == "reset" else read_answer(connection))
    return answers


def read_answer(connection: socket.socket) -> Any:
    text = ""
    while True:
        text += connection.recv(1 << 20).decode()
        try:
            return understood(text)
        except SyntaxError:
            continue


def understood(text: str) -> Any:
    """As its client does: by ``eval``, to which NaN, true, false and null are unknown names."""
    return eval(text, {"__builtins__": {}})


class Client:
    """The UDP half of assetto_corsa_gym's client, by its documentation."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        self.texts: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, data: bytes) -> None:
        self._socket.send(data)

    def hear(self) -> str:
        return self._socket.recv(1 << 18).decode()

    def connect(self) -> dict[str, Any]:
        """Connect, and take the first state."""
        self.say(b"connect")
        while self.hear() != "identified":  # what was sent before
            continue
        return self.state()

    def state(self) -> dict[str, Any]:
        self.texts.append(self.hear())
        state: dict[str, Any] = understood(self.texts[-1])
        return state

    def answer(self, state: dict[str, Any], steer: float = 0.0, acc: float = -1.0, brake: float = -1.0) -> None:
        said = {"steer": steer, "acc": acc, "brake": brake, "enable_gear_shift": False, "server_steps": state["steps"]}
        self.say(json.dumps(said).encode())

    def drive(self, state: dict[str, Any], count: int, **axes: float) -> list[dict[str, Any]]:
        """Answer so often, and take the state after each."""
        states = []
        for _ in range(count):
            self.answer(state, **axes)
            state = self.state()
            states.append(state)
        return states


@contextmanager
def client_of(rig: Rig) -> Iterator[Client]:
    with Client(rig.sockets.port) as client:
        yield client


def restarted(rig: Rig, client: Client) -> dict[str, Any]:
    """A new episode, as its client begins one; the question waits until the reset was heard."""
    client.say(b"disconnect")
    rig.ask("reset")
    rig.ask("get_config")
    return client.connect()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of the demo's driver."""
    path = tmp_path / "drive.mcap"
    game = DemoGame(3)
    with open_page_sink(path) as sink:
        for step in range(1500):
            game.step()
            if step >= 500:
                pages = Pages(game.physics_page(), game.graphics_page(), game.static_page(), 1.7e9 + step * 0.003)
                sink.write(Step(State.LIVE, pages, step * 0.003))
    return path


# --- the whole way, on the demo in lock-step


def test_its_questions_are_answered_in_what_its_client_can_evaluate() -> None:
    with Rig() as rig:
        static, config, track = rig.ask("get_static_info", "get_config", "get_track_info")
    assert (static["TrackName"], static["TrackConfiguration"], static["CarName"]) == ("demo_ring", "", "demo_gt3")
    assert static["TrackLength"] == pytest.approx(demo_track().length)
    assert config == {
        "version": "ac-telemetry",
        "sampling_freq": 25,
        "ego_sampling_freq": 25,
        "telemetry_sampling_freq": 0,
        "ego_server_port": rig.sockets.port,
        "simulation_management_server_port": rig.sockets.management_port,
        "vjoy_executed_by_server": 1,
        "screen_capture_enable": 0,
    }
    assert set(track) == {"left_lane", "right_lane", "fast_lane"}
    widths = np.linalg.norm(np.array(track["left_lane"]) - np.array(track["right_lane"]), axis=1)
    assert widths.min() > 5.0
    assert rig.said == []


def test_states_have_the_plugins_columns_units_and_signs() -> None:
    with Rig() as rig, client_of(rig) as client:
        first = client.connect()
        states = client.drive(first, 60, acc=1.0) + client.drive({**first, "steps": 61}, 25, steer=0.3, acc=0.0)
    assert set(REQUIRED_FIELDS) <= set(first)
    assert not {"Mz", "Dy_fl", "tyre_loaded_radius"} & set(first)  # nobody knows them
    assert [state["steps"] for state in (first, *states)] == list(range(1, 87))
    assert {state["done"] for state in states} == {0}
    assert {type(first[name]) for name in ("steps", "packetId", "currentTime", "actualGear", "LapCount")} == {int}
    before, last = states[-2], states[-1]
    assert states[59]["speed"] > 10.0  # m/s
    assert states[59]["local_velocity_x"] == pytest.approx(states[59]["speed"], rel=0.01)
    assert states[59]["accelY"] > 0.3  # g
    assert last["steerAngle"] == pytest.approx(0.3 * 450.0, rel=0.01)  # degrees, to the right
    assert last["yaw"] < before["yaw"]
    assert (last["yaw"] - before["yaw"]) * 25.0 == pytest.approx(last["angular_velocity_y"], rel=0.05)
    assert last["accelX"] < -0.1
    assert last["SlipAngle_fl"] < -0.5  # degrees
    assert last["currentTime"] - before["currentTime"] in range(30, 51)  # ms, of drawn frames
    assert last["timestamp_ac"] - before["timestamp_ac"] == pytest.approx(0.04)
    course = math.atan2(
        last["world_position_y"] - states[-6]["world_position_y"],
        last["world_position_x"] - states[-6]["world_position_x"],
    )
    assert course == pytest.approx((last["yaw"] + states[-6]["yaw"]) / 2.0, abs=0.1)


def test_one_seed_gives_one_run_to_the_byte() -> None:
    def texts(seed: int) -> list[str]:
        with Rig(seed=seed) as rig, client_of(rig) as client:
            client.drive(client.connect(), 40, acc=1.0)
            client.drive(restarted(rig, client), 20, steer=-0.2, acc=0.5)
            return client.texts

    once, again, other = texts(4), texts(4), texts(5)
    assert once == again
    assert len(once) == 62
    assert once != other


def test_a_reset_puts_the_car_back() -> None:
    with Rig() as rig, client_of(rig) as client:
        first = client.connect()
        gone = client.drive(first, 75, acc=1.0)[-1]
        again = restarted(rig, client)
    place = np.array([first["world_position_x"], first["world_position_y"]])
    assert math.dist(place, (gone["world_position_x"], gone["world_position_y"])) > 10.0
    assert math.dist(place, (again["world_position_x"], again["world_position_y"])) < 0.1
    assert (again["steps"], again["accStatus"], again["done"]) == (1, 0.0, 0)
    assert again["speed"] < 0.1


def test_in_lock_step_an_answer_lets_one_step_pass_however_often_it_comes() -> None:
    with Rig() as rig, client_of(rig) as client:
        first = client.connect()
        client.answer(first)
        client.answer(first)
        second = client.state()
        client.answer(first)  # long overdue
        client.answer(second)
        third = client.state()
        rig.ask("get_config")
        fourth = client.drive(third, 1)[0]
    assert [state["steps"] for state in (second, third, fourth)] == [2, 3, 4]
    assert fourth["timestamp_ac"] - first["timestamp_ac"] == pytest.approx(0.12)
    assert fourth["total_errors_out_of_sync"] >= 1


# --- who is there


def test_after_a_disconnect_nothing_comes_until_somebody_connects() -> None:
    with Rig() as rig, client_of(rig) as client, client_of(rig) as other:
        state = client.drive(client.connect(), 5)[-1]
        client.say(b"disconnect")
        client.answer(state)
        assert other.connect()["steps"] == 1
    assert rig.served == Served(states=7, connections=2)
    assert rig.said == []


def test_who_connects_takes_over_and_who_was_there_has_no_say() -> None:
    with Rig() as rig, client_of(rig) as old, client_of(rig) as new:
        state = old.connect()
        first = new.connect()
        old.answer(state, acc=1.0)
        old.say(b"disconnect")
        states = new.drive(first, 3, acc=-1.0)
    assert [state["steps"] for state in states] == [2, 3, 4]
    assert {state["accStatus"] for state in states} == {0.0}
    assert len(rig.said) == 1
    assert re.fullmatch(r"The client at 127\.0\.0\.1:\d+ replaced the one at 127\.0\.0\.1:\d+\.", rig.said[0])


def test_rubbish_and_strangers_change_nothing() -> None:
    rubbish = (
        b"",
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b"null",
        b"[" * 9000,
        b'{"steer": NaN, "acc": 0, "brake": 0}',
        b"x" * 60000,
    )
    with Rig() as rig, client_of(rig) as client, client_of(rig) as stranger:
        first = client.connect()
        for data in rubbish:
            client.say(data)
            stranger.say(data)
        stranger.say(b"disconnect")
        with socket.create_connection(("127.0.0.1", rig.sockets.management_port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.sendall(b"\xff" * 100_000)
        with socket.create_connection(("127.0.0.1", rig.sockets.management_port)):
            pass
        assert rig.ask("get_config")[0]["ego_sampling_freq"] == 25
        assert [state["steps"] for state in client.drive(first, 2)] == [2, 3]
        assert rig.error is None
    assert sorted(rig.said) == [
        "Ignored a datagram that is not an answer of assetto_corsa_gym's client.",
        "Ignored a query that assetto_corsa_gym's plugin does not know.",
    ]


def test_a_client_that_vanished_is_followed_by_the_next() -> None:
    with Rig(lock_step=False, speed=20.0) as rig:
        for _ in range(3):
            with client_of(rig) as client:
                assert client.connect()["steps"] == 1
                assert client.state()["steps"] == 2
    assert rig.error is None


def test_whoever_is_connected_at_the_end_is_told() -> None:
    with Rig() as rig, client_of(rig) as client:
        client.connect()
        rig.stop()
        assert client.hear() == "disconnect"


# --- in real time


def test_by_the_clock_states_come_whether_they_are_answered_or_not() -> None:
    with Rig(lock_step=False, speed=20.0) as rig, client_of(rig) as client:
        client.connect()
        states = [client.state() for _ in range(10)]
    assert [state["steps"] for state in states] == list(range(2, 12))
    assert states[9]["timestamp_ac"] - states[0]["timestamp_ac"] == pytest.approx(0.36)


def test_a_client_that_falls_silent_has_its_pedals_let_go() -> None:
    with Rig(lock_step=False, speed=5.0) as rig, client_of(rig) as client:
        state = client.connect()
        while state["accStatus"] < 1.0:
            client.answer(state, acc=1.0)
            state = client.state()
        while state["accStatus"] > 0.0:
            state = client.state()
        client.answer(state, acc=1.0)
        while state["accStatus"] < 1.0:
            state = client.state()


def test_a_client_that_drives_the_demo_with_nothing_is_told_what_to_configure() -> None:
    with Rig(lock_step=False, speed=50.0) as rig, client_of(rig) as client:
        client.connect()
        wait_until(lambda: rig.said)
    (said,) = rig.said
    assert said == (
        "The client sends no actions, and nothing else drives the car: set vjoy_executed_by_server: True in its "
        "config.yml."
    )


# --- a recording


def test_a_recording_goes_by_and_its_end_is_the_episodes(recording: Path) -> None:
    with Rig(recording) as rig, client_of(rig) as client:
        first = state = client.connect()
        states = []
        while not state["done"]:
            client.answer(state, acc=1.0)
            state = client.state()
            states.append(state)
        client.answer(state)
        again = restarted(rig, client)
        assert rig.ask("get_config")[0]["vjoy_executed_by_server"] == 0
    assert len(states) == pytest.approx(3.0 * 25, abs=3)
    assert np.diff([state["timestamp_ac"] for state in states]).tolist() == pytest.approx([0.04] * (len(states) - 1))
    assert states[-1]["speed"] > 1.0
    ignored = {"total_errors_out_of_sync"}
    assert {name: again[name] for name in again.keys() - ignored} == {
        name: first[name] for name in first.keys() - ignored
    }
    assert rig.said == ["The client's actions are ignored: a recording is replayed as it was driven."]


def test_a_recording_that_lacks_what_its_client_needs_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "old.jsonl", [snapshot_of(elapsed=k / 25, local_velocity_x=math.nan) for k in range(5)])
    with Rig(path) as rig:
        pass
    assert isinstance(rig.error, SourceError)
    assert str(rig.error) == f"replay:{path} has no local_velocity_y; assetto_corsa_gym needs it."


# --- a live game


def test_on_a_live_game_answers_move_the_actuator_and_a_reset_puts_the_car_back(tmp_path: Path) -> None:
    from tests.rl.test_live import Game

    game = Game(tmp_path)
    try:
        with Rig(tmp_path, lock_step=False, actuator=CustomAi(tmp_path)) as rig, client_of(rig) as client:
            state = client.connect()
            while state["speed"] < 2.0:
                client.answer(state, acc=1.0)
                state = client.state()
            assert rig.ask("get_config")[0]["vjoy_executed_by_server"] == 1
            rig.ask("reset")
            wait_until(lambda: game.teleports)
            while state["accStatus"] > 0.0:
                state = client.state()
    finally:
        game.close()
    assert rig.error is None
    assert rig.said == []


@pytest.mark.parametrize("assigned", [True, False])
def test_on_a_live_game_a_reset_presses_the_button_for_a_restart_and_says_where_it_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, assigned: bool
) -> None:
    from tests.rl.test_live import Game

    for variable in ("LOCALAPPDATA", "XDG_STATE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "state"))
    monkeypatch.setattr("telemetry.rl.acgym.car_control.RESTART_TIMEOUT_S", 0.5)
    game = Game(tmp_path)
    try:
        wheel = VJoy(library=game, restart_button=8 if assigned else 7)
        with Rig(tmp_path, lock_step=False, actuator=wheel) as rig, client_of(rig) as client:
            state = client.connect()
            client.answer(state, acc=1.0)
            rig.ask("reset")
            wait_until(lambda: game.restarts if assigned else rig.said)
            while assigned and (now := client.state())["currentTime"] >= state["currentTime"]:
                state = now
    finally:
        game.close()
    assert rig.error is None
    assert game.restarts == assigned
    assert [said[:72] for said in rig.said] == (
        [] if assigned else ["The session did not restart when button 7 was pressed. Check in the game"]
    )


def test_without_an_actuator_a_live_game_is_looked_on(tmp_path: Path) -> None:
    from tests.rl.test_live import Game

    game = Game(tmp_path)
    try:
        with Rig(tmp_path, lock_step=False) as rig, client_of(rig) as client:
            client.answer(client.connect(), acc=1.0)
            rig.ask("reset")
            states = [client.state() for _ in range(3)]
            wait_until(lambda: len(rig.said) == 2)
    finally:
        game.close()
    assert {(state["accStatus"], state["brakeStatus"]) for state in states} == {(0.0, 1.0)}
    reset, actions = sorted(rig.said)
    assert reset == (
        "The client asks for the car to be put back, which shared memory alone cannot do. Restart in the game, or use "
        "--actuator csp, or another actuator with a --restart-button."
    )
    assert actions == "The client's actions are ignored: without an --actuator they cannot reach the game."


# --- messages


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ({"steer": 0.5, "acc": 1, "brake": -1, "server_steps": 7}, Reply(Command(0.5, 1.0, 0.0), 7)),
        ({"steer": -9.0, "acc": 0.0, "brake": 9.0}, Reply(Command(-1.0, 0.5, 1.0), None)),
        ({"steer": 10**400, "acc": 0.0, "brake": 0.0}, None),
        ({"steer": [], "acc": 0.0, "brake": 0.0}, None),
        ({"steer": 0.0, "acc": 0.0}, None),
        ("connect", None),
    ],
)
def test_an_answer_is_clipped_to_what_a_driver_can_do(said: object, answer: Reply | None) -> None:
    assert parse_reply(json.dumps(said).encode()) == answer


def test_what_a_source_does_not_say_is_left_out() -> None:
    sample = sample_of(local_velocity_x=math.nan, car_model='a "car" of \u00fcbung', track_configuration="gp")
    writer = StateWriter(None, None, 300.0)
    state = understood(writer.write(sample, steps=3, out_of_sync=1, done=True))
    assert "local_velocity_y" not in state
    assert (state["steps"], state["total_errors_out_of_sync"], state["done"]) == (3, 1, 1)
    assert understood(static_text(sample, None))["CarName"] == sample.car_model
    assert track_text(None) == "{}"


def test_a_recording_at_another_rate_goes_by_at_25_hertz_and_a_reset_skips_nothing() -> None:
    with Rig(REPOSITORY / "fixtures" / "lap.jsonl.zst") as rig, client_of(rig) as client:  # 10 Hz
        states = client.drive(client.connect(), 30)
        rig.ask("reset")
        later = restarted(rig, client)
    assert np.diff([state["timestamp_ac"] for state in states]).tolist() == pytest.approx([0.04] * 29)
    assert later["timestamp_ac"] - states[-1]["timestamp_ac"] == pytest.approx(0.04)


def test_an_unknown_track_is_reported_once_and_has_no_borders() -> None:
    sample = sample_of(track="nowhere", track_spline_length=1000.0)
    said: list[str] = []
    queries = Queries(lambda: sample, None, None, config="{}", warn=said.append, warn_once=said.append)
    assert understood(queries.answer("get_static_info") or "")["TrackLength"] == 1000.0
    assert [queries.answer("get_track_info"), queries.answer("get_track_info")] == ["{}", "{}"]
    (sentence,) = said
    assert sentence == (
        "The borders of nowhere are not known. Name the game's folder with --ac-root DIR (the one with content/tracks "
        "in it), or a checkout of assetto_corsa_gym that has the track with --acgym DIR."
    )


def test_in_lock_step_only_the_first_answer_to_the_last_state_is_accepted() -> None:
    address, full_throttle = ("127.0.0.1", 5000), Command(0.0, 1.0, 0.0)
    client = ClientState().connect(address, 1.0, has_asked=False).take_turn().count_state()
    stale, is_accepted = client.answer(Reply(full_throttle, 0), 2.0, lock_step=True)
    assert (is_accepted, stale.out_of_sync, stale.is_step_due, stale.command) == (False, 1, False, SILENT)
    answered, is_accepted = stale.answer(Reply(full_throttle, 1), 3.0, lock_step=True)
    assert (is_accepted, answered.answered_at, answered.is_step_due, answered.command) == (
        True,
        3.0,
        True,
        full_throttle,
    )
    repeated, is_accepted = answered.take_turn().answer(Reply(SILENT, 1), 4.0, lock_step=True)
    assert (is_accepted, repeated.is_step_due, repeated.command) == (False, False, full_throttle)
    left = repeated.request_reset().disconnect()
    assert left == ClientState(connections=1, connected_at=1.0, sent=1, answered=1, answered_at=4.0, is_reset_due=True)


# --- ports, and the command line


def test_a_port_that_is_taken_is_told_with_the_option_that_names_it() -> None:
    with PluginSockets(port=0, management_port=0) as taken:
        with pytest.raises(SinkError) as caught:
            PluginSockets(port=taken.port, management_port=0)
        assert str(caught.value) == (
            f"Port {taken.port} on 127.0.0.1 is in use, perhaps by another serve. Name another --port; 0 finds a free "
            "one."
        )
        with pytest.raises(SinkError) as caught:
            PluginSockets(port=0, management_port=taken.management_port)
        assert str(caught.value) == (
            f"Port {taken.management_port} on 127.0.0.1 is in use, perhaps by another serve. Name another "
            "--management-port; 0 finds a free one."
        )
        ended = main_in_process("serve", "--protocol", "acgym", "--source", "demo", "--port", str(taken.port))
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"ac-telemetry: Port {taken.port} on 127.0.0.1 is in use")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--lock-step"], "--lock-step has no meaning with --protocol websocket."),
        (["--protocol", "acgym", "--token", "x"], "--token has no meaning with --protocol acgym."),
        (["--protocol", "acgym", "--damaged", "0.1"], "--damaged has no meaning with --protocol acgym."),
        (["--protocol", "acgym", "--actuator", "vjoy"], "An actuator is for a live source; demo has none."),
        (["--protocol", "acgym", "--acgym", "/nowhere"], "--acgym /nowhere: there is no such folder."),
        (
            ["--protocol", "acgym", "--speed", "max"],
            "--speed max would run away from the client. With --lock-step the client sets the pace.",
        ),
    ],
)
def test_what_makes_no_sense_is_a_sentence(arguments: list[str], sentence: str) -> None:
    ended = main_in_process("serve", "--source", "demo", *arguments)
    assert (ended.returncode, ended.stderr.replace("\\", "/")) == (2, f"ac-telemetry: {sentence}\n")


def test_lock_step_is_not_for_a_game(tmp_path: Path) -> None:
    ended = main_in_process("serve", "--protocol", "acgym", "--source", tmp_path, "--lock-step")
    assert ended.returncode == 2
    assert ended.stderr == (
        "ac-telemetry: --lock-step is for the demo and for recordings: the game sets its own pace.\n"
    )


def test_its_ports_are_the_plugins_own_unless_others_are_named() -> None:
    assert MANAGEMENT_PORT == 2347


@pytest.mark.parametrize("host", ["a..b", "\udcff"])
def test_a_host_that_is_no_name_is_a_sentence(host: str) -> None:
    with pytest.raises(SinkError) as caught:
        PluginSockets(host, port=0, management_port=0)
    assert str(caught.value).startswith(f"{host!r} is no name of a computer.")


@with_signals
@pytest.mark.parametrize("command", [["serve-acgym"], ["serve", "--protocol", "acgym"]])
def test_a_client_drives_what_the_command_line_serves(command: list[str]) -> None:
    process = start(
        *(*command, "--source", "demo", "--lock-step"),
        *("--port", "0", "--management-port", "0", "--steer-lock", "450"),
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(
        r"Serving demo:laps to assetto_corsa_gym at 127\.0\.0\.1: states at 25 Hz from UDP port (\d+), "
        r"questions at TCP port (\d+) - Ctrl-C ends\.\n",
        line,
    )
    assert found is not None, line
    with Client(int(found[1])) as client:
        assert ask(int(found[2]), "get_static_info")[0]["CarName"] == "demo_gt3"
        assert client.drive(client.connect(), 50, acc=1.0)[-1]["speed"] > 5.0
        out, err = interrupt(process)
        assert client.hear() == "disconnect"
    assert (process.returncode, out, err) == (0, "", "51 states in 1 connection.\n")
