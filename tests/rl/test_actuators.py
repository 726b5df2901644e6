"""The ways to the controls of a game, against stand-ins for their far sides and, where it can be, the kernel."""

import importlib
import importlib.util
import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.errors import SinkError, UsageError
from telemetry.rl.action import Command
from telemetry.rl.actuators import Actuator, CustomAi, NoActuator, VirtualWheel, VJoy, create_actuator
from tests.conftest import real_time

pytestmark = real_time


def test_the_mapped_file_has_csps_layout(tmp_path: Path) -> None:
    actuator = CustomAi(tmp_path, car=2)
    actuator.open()
    path = tmp_path / "AcTools.CSP.NewBehaviour.CustomAI.CarControls2.v0"
    actuator.apply(Command(steer=-0.5, throttle=0.25, brake=0.125))
    data = path.read_bytes()
    assert len(data) == 72
    assert memoryview(data[:20]).cast("f").tolist() == [0.25, 0.125, 1.0, -0.5, 0.0]
    assert [place for place, value in enumerate(data[20:], start=20) if value] == [41, 42, 43, 68]
    actuator.restart()
    assert (path.read_bytes()[40], path.read_bytes()[:20]) == (1, struct.pack("<5f", 0.0, 1.0, 1.0, 0.0, 0.0))
    actuator.apply(Command())
    assert path.read_bytes()[40] == 0
    actuator.close()
    actuator.close()
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there is such a mapping")
def test_off_windows_csp_and_vjoy_say_what_they_need() -> None:
    with pytest.raises(UsageError) as caught:
        CustomAi(prefix="none_").open()
    assert str(caught.value) == (
        "/dev/shm/none_AcTools.CSP.NewBehaviour.CustomAI.CarControls0.v0 does not exist. CSP reads its controls "
        "inside the game's prefix; run the command `bridge --csp` there to connect them with Linux (`uv run main.py "
        "bridge` says how), or use the actuator uinput."
    )
    with pytest.raises(UsageError, match=r"^The actuator vjoy needs Windows"):
        create_actuator("vjoy").open()


@pytest.mark.parametrize(
    ("what", "button", "sentence"),
    [
        ("csp", 1, "restart_button: the actuator csp has no buttons; uinput and vjoy have."),
        ("none", 1, "restart_button: the actuator none has no buttons; uinput and vjoy have."),
        ("uinput", 13, "restart_button must be from 1 to 12, got 13."),
        ("vjoy", 0, "restart_button must be from 1 to 32, got 0."),
        (NoActuator(), 1, "restart_button: pass it to the actuator object itself."),
    ],
)
def test_a_button_that_cannot_be_is_refused(what: str | Actuator, button: int, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        create_actuator(what, button)
    assert str(caught.value) == sentence


class Driver:
    """A stand-in for vJoy's library, with one device."""

    def __init__(self, status: int = 1, *, enabled: bool = True) -> None:
        self.status = status
        self.enabled = enabled
        self.reports: list[tuple[int, int, int, int, int]] = []

    def vJoyEnabled(self) -> bool:  # noqa: N802 - the library's names
        return self.enabled

    def GetVJDStatus(self, _device: int) -> int:  # noqa: N802
        return self.status

    def GetVJDButtonNumber(self, _device: int) -> int:  # noqa: N802
        return 8

    def AcquireVJD(self, _device: int) -> bool:  # noqa: N802
        self.status = 0
        return True

    def UpdateVJD(self, _device: int, reference: Any) -> bool:  # noqa: N802
        position: Any = reference._obj  # noqa: SLF001 - ctypes offers no other way
        self.reports.append((position.bDevice, position.wAxisX, position.wAxisY, position.wAxisZ, position.lButtons))
        return True

    def RelinquishVJD(self, _device: int) -> None:  # noqa: N802
        self.status = 1


def test_vjoy_gets_three_axes_in_one_call() -> None:
    driver = Driver()
    actuator = VJoy(library=driver)
    actuator.open()
    assert driver.status == 0
    actuator.apply(Command(steer=1.0, throttle=0.5, brake=0.25))
    actuator.close()
    assert driver.reports == [(1, 16384, 0, 0, 0), (1, 32768, 16384, 8192, 0), (1, 16384, 0, 0, 0)]
    assert driver.status == 1


def test_vjoy_presses_its_button_for_a_restart_and_lets_go_of_it() -> None:
    driver = Driver()
    actuator = VJoy(library=driver, restart_button=8)
    actuator.open()
    restart = actuator.restart()
    actuator.apply(Command(1.0))
    assert [report[4] for report in driver.reports] == [0, 128, 0]
    assert restart
    assert restart.complaint.startswith("The session did not restart when button 8 was pressed. ")
    assert VJoy(library=driver).restart() is None


def test_a_device_with_too_few_buttons_is_given_back() -> None:
    driver = Driver()
    with pytest.raises(
        SinkError, match=r"^vJoy device 1 has no button 9; add buttons with the program 'Configure vJoy'\.$"
    ):
        VJoy(library=driver, restart_button=9).open()
    assert driver.status == 1


@pytest.mark.parametrize(
    ("driver", "sentence"),
    [
        (Driver(enabled=False), "The vJoy driver is installed but not enabled."),
        (Driver(2), "vJoy device 1 is in use by another program."),
        (Driver(3), "vJoy has no device 1; create it with the program 'Configure vJoy'."),
    ],
)
def test_vjoy_says_what_is_in_the_way(driver: Driver, sentence: str) -> None:
    with pytest.raises(SinkError) as caught:
        VJoy(library=driver).open()
    assert str(caught.value) == sentence


class Evdev:
    """A stand-in for python-evdev, and for the device that the kernel would make."""

    class ecodes:  # noqa: N801 - the library's names
        EV_ABS, EV_KEY, ABS_X, ABS_Y, ABS_Z, BTN_JOYSTICK = 3, 1, 0, 1, 2, 288

    def __init__(self) -> None:
        self.made: Any = None
        self.state: dict[tuple[int, int], int] = {}
        self.reports: list[dict[tuple[int, int], int]] = []
        self.closed = False

    def AbsInfo(self, **values: int) -> dict[str, int]:  # noqa: N802
        return values

    def UInput(self, capabilities: Any, name: str) -> "Evdev":  # noqa: N802
        self.made = (capabilities, name)
        return self

    def write(self, kind: int, code: int, value: int) -> None:
        self.state[kind, code] = value

    def syn(self) -> None:
        self.reports.append(dict(self.state))

    def close(self) -> None:
        self.closed = True


def test_the_virtual_wheel_reports_three_axes_at_once() -> None:
    kernel = Evdev()
    actuator = VirtualWheel(kernel)
    actuator.apply(Command(1.0))  # not open: nothing happens
    actuator.open()
    capabilities, name = kernel.made
    assert name == "ac-telemetry virtual wheel"
    assert [code for code, _ in capabilities[3]] == [0, 1, 2]
    assert capabilities[1] == [*range(288, 300)]
    actuator.apply(Command(-1.0, 0.5, 1.0))
    actuator.close()
    assert kernel.reports == [
        {(3, 0): -32767, (3, 1): 16384, (3, 2): 32767},
        {(3, 0): 0, (3, 1): 0, (3, 2): 0},
    ]
    assert kernel.closed


def test_the_virtual_wheel_presses_its_button_for_a_restart_and_lets_go_of_it() -> None:
    kernel = Evdev()
    actuator = VirtualWheel(kernel, restart_button=12)
    actuator.restart()  # not open: nothing happens
    actuator.open()
    actuator.restart()
    actuator.apply(Command(1.0))
    assert [(report[3, 0], report[1, 299]) for report in kernel.reports] == [(0, 1), (32767, 0)]


def test_without_evdev_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    with pytest.raises(UsageError) as caught:
        VirtualWheel().open()
    assert str(caught.value) == (
        "The actuator uinput (on Linux) needs evdev, which is not installed. "
        "Get it with: uv sync --inexact --extra uinput."
    )


@pytest.mark.skipif(
    not os.access("/dev/uinput", os.W_OK) or importlib.util.find_spec("evdev") is None,
    reason="needs python-evdev, and a kernel with uinput whose /dev/uinput may be written: few containers have one",
)
def test_the_kernel_makes_a_joystick_of_the_virtual_wheel_and_passes_on_what_it_does() -> None:
    evdev = importlib.import_module("evdev")
    codes = evdev.ecodes
    actuator = VirtualWheel(restart_button=8)
    actuator.open()
    try:
        wheel = evdev.InputDevice(actuator._device.device.path)  # noqa: SLF001 - the device node of evdev
        able = wheel.capabilities()
        assert wheel.name == "ac-telemetry virtual wheel"
        assert [(code, info.min, info.max) for code, info in able[codes.EV_ABS]] == [
            (codes.ABS_X, -32767, 32767),
            (codes.ABS_Y, 0, 32767),
            (codes.ABS_Z, 0, 32767),
        ]
        assert able[codes.EV_KEY] == [*range(codes.BTN_JOYSTICK, codes.BTN_JOYSTICK + 12)]
        actuator.apply(Command(-1.0, 0.5, 1.0))
        assert [wheel.absinfo(code).value for code in (codes.ABS_X, codes.ABS_Y, codes.ABS_Z)] == [-32767, 16384, 32767]
        actuator.restart()
        actuator.apply(Command(0.5))
        events = [(event.type, event.code, event.value) for event in wheel.read() if event.type != codes.EV_SYN]
        assert events == [
            (codes.EV_ABS, codes.ABS_X, -32767),
            (codes.EV_ABS, codes.ABS_Y, 16384),
            (codes.EV_ABS, codes.ABS_Z, 32767),
            (codes.EV_ABS, codes.ABS_X, 0),
            (codes.EV_ABS, codes.ABS_Y, 0),
            (codes.EV_ABS, codes.ABS_Z, 0),
            (codes.EV_KEY, codes.BTN_JOYSTICK + 7, 1),
            (codes.EV_ABS, codes.ABS_X, 16384),
            (codes.EV_KEY, codes.BTN_JOYSTICK + 7, 0),
        ]
        wheel.close()
    finally:
        actuator.close()
