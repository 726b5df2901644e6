from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from ac_native_memory import Pages
from telemetry.fields import pages as accessors
from telemetry.fields.pages import byte_range, encode_page, mask_fields, page_struct, unpack_fields
from telemetry.fields.schema import Group
from telemetry.fields.snapshot import Snapshot, decode, encode
from tests.conftest import pages_of
from tests.fields.test_snapshot import any_pages

READERS: dict[str, Callable[[bytes], int | str]] = {
    "packet_id": accessors.read_packet_id,
    "number_of_tyres_out": accessors.read_tyres_out,
    "graphics_packet_id": accessors.read_graphics_packet_id,
    "status": accessors.read_status,
    "session": accessors.read_session,
    "completed_laps": accessors.read_completed_laps,
    "current_time": accessors.read_lap_time_ms,
    "is_esc_menu_visible": accessors.read_menu_visible,
    "ac_version": accessors.read_ac_version,
    "car_model": accessors.read_car_model,
    "track": accessors.read_track,
    "track_configuration": accessors.read_track_configuration,
    "player_name": accessors.read_player_name,
}


def test_every_reader_has_a_field() -> None:
    assert {value for name, value in vars(accessors).items() if name.startswith("read_")} == set(READERS.values())


@given(any_pages)
def test_single_values_are_those_of_the_decoded_snapshot(pages: Pages) -> None:
    snapshot = decode(pages)
    groups = {field.name: field.group for field in Snapshot.FIELDS}
    read = {name: reader(getattr(pages, groups[name])) for name, reader in READERS.items()}
    assert read == {name: getattr(snapshot, name) for name in READERS}


def test_a_page_without_some_fields_is_the_rest_of_its_bytes() -> None:
    page = bytes(index % 251 for index in range(304))
    masked = mask_fields("graphics", ["graphics_packet_id", "session", "status", "is_esc_menu_visible"])(page)
    assert masked == page[12:300]


def test_masked_pages_differ_only_by_the_fields_that_stay() -> None:
    without_flag = mask_fields("graphics", ["flag"])
    assert without_flag(pages_of(flag=1).graphics) == without_flag(pages_of(flag=2).graphics)
    assert without_flag(pages_of(status=1).graphics) != without_flag(pages_of(status=2).graphics)


def test_a_field_of_another_page_cannot_be_masked() -> None:
    with pytest.raises(KeyError, match="status"):
        mask_fields("physics", ["gas", "status"])
    with pytest.raises(KeyError, match="elapsed"):
        byte_range("elapsed")


def test_byte_ranges_have_the_size_of_the_field() -> None:
    assert byte_range("packet_id") == slice(0, 4)
    assert byte_range("tyre_wear") == slice(120, 136)
    assert byte_range("ac_version") == slice(30, 60)


@given(any_pages)
def test_a_page_of_all_its_values_is_that_of_the_snapshot(pages: Pages) -> None:
    snapshot = decode(pages)
    whole = encode(snapshot)
    for group in ("physics", "graphics", "static"):
        values = {field.name: getattr(snapshot, field.name) for field in Snapshot.FIELDS if field.group == group}
        assert encode_page(group, **values) == getattr(whole, group)


def test_a_page_of_a_few_values_holds_nothing_else() -> None:
    page = encode_page("graphics", status=2, current_time_text="0:01:002", world_position_y=1.5)
    decoded = decode(pages_of()._replace(graphics=page)).to_dict()
    graphics = {field.name: decoded[field.name] for field in Snapshot.FIELDS if field.group == "graphics"}
    expected = {"status": 2, "current_time_text": "0:01:002", "world_position_y": 1.5}
    assert {name: value for name, value in graphics.items() if value} == expected
    with pytest.raises(KeyError, match="gas"):
        encode_page("graphics", gas=1.0)


@pytest.mark.parametrize("group", ["physics", "graphics", "static"])
def test_the_packer_of_a_page_takes_its_values_in_order(group: Group) -> None:
    pages = pages_of(packet_id=77, gas=0.25, tyre_wear=(99.0, 98.0, 97.0, 96.0), track="imola", status=1)
    page = getattr(pages, group)
    packer = page_struct(group)
    assert packer.size == len(page)
    assert packer.pack(*packer.unpack(page)) == page
    if group == "physics":
        assert packer.unpack(page)[:2] == (77, 0.25)


def test_several_fields_are_read_as_stored_also_in_front_of_other_bytes() -> None:
    pages = pages_of(gas=0.9, tyre_wear=(99.0, 98.0, 97.0, 96.0), car_model="ks_mazda", acc_g_z=-1.5)
    wear, gas, acceleration, normals = unpack_fields(
        pages.physics + b"more", "tyre_wear", "gas", "acc_g_z", "tyre_contact_normal"
    )
    assert wear == (99.0, 98.0, 97.0, 96.0)
    assert gas == float(np.float32(0.9))
    assert acceleration == -1.5
    assert normals == ((0.0, 0.0, 0.0),) * 4
    assert unpack_fields(pages.static, "car_model", "sector_count") == ("ks_mazda", 3)
    with pytest.raises(ValueError, match="Buffer size too small"):
        unpack_fields(pages.physics[:-1], "gas")
