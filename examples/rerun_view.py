"""Open a recording in Rerun, laid out for a lap: speed, pedals, steering and gear over time, and the way on a map.

    uv run --with rerun-sdk==0.41.0 examples/rerun_view.py drive.mcap
    uv run --with rerun-sdk==0.41.0 examples/rerun_view.py drive.mcap --lap 2 --save lap.rrd

Time is on the timeline: `elapsed` counts from the first step of the recording, `time of day` is the computer's clock.
Any recording can be opened, be it MCAP or JSON lines.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rerun as rr
import rerun.blueprint as rrb

import telemetry
from telemetry.laps import assign_laps, laps

PLOTS = {
    "speed": {"speed_kmh": "km/h"},
    "pedals": {"gas": "0..1", "brake": "0..1"},
    "steering": {"steer_angle": "-1..1"},
    "gear": {"gear": "0 is R, 1 is N"},
}
"""The plots from top to bottom: the fields in each, and their units."""


def read(path: Path, lap: int | None) -> list[telemetry.Sample]:
    """The samples of a recording while the car is driven; only those of a lap where its number is given."""
    with telemetry.open_source(str(path)) as source:
        found = list(telemetry.samples(source, clock=telemetry.Clock(math.inf)))
    if lap is not None:
        found = [sample for sample in assign_laps(found, list(laps(found))) if sample.lap == lap]
    return found


def send(samples: Sequence[telemetry.Sample]) -> None:
    """Give Rerun every plotted field of every sample, and the positions on the map, with both times."""
    times = [
        rr.TimeColumn("elapsed", duration=[sample.elapsed for sample in samples]),
        rr.TimeColumn("time of day", timestamp=[sample.timestamp for sample in samples]),
    ]
    for plot, fields in PLOTS.items():
        for name, unit in fields.items():
            entity = f"{plot}/{name}"
            rr.log(entity, rr.SeriesLines(names=f"{name} [{unit}]"), static=True)
            values = [float(getattr(sample, name)) for sample in samples]
            rr.send_columns(entity, times, rr.Scalars.columns(scalars=values))
    # Seen from above; z points south in the game, and down on Rerun's map.
    places = np.array([(sample.world_position_x, sample.world_position_z) for sample in samples])
    rr.log("map/line", rr.LineStrips2D([places]), static=True)
    rr.send_columns("map/car", times, rr.Points2D.columns(positions=places, radii=np.full(len(places), -6.0)))


def layout() -> rrb.Blueprint:
    """The map on the left, the plots one below the other on the right."""
    plots = [rrb.TimeSeriesView(origin=f"/{plot}", name=plot) for plot in PLOTS]
    views = rrb.Horizontal(rrb.Spatial2DView(origin="/map", name="map"), rrb.Vertical(*plots), column_shares=[1.0, 2.0])
    return rrb.Blueprint(views, rrb.TimePanel(timeline="elapsed"), collapse_panels=True)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording", type=Path, help="*.mcap, or any other recording")
    parser.add_argument("--lap", type=int, help="only this lap, by its number in `laps`")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write *.rrd instead of opening the viewer")
    options = parser.parse_args()

    samples = read(options.recording, options.lap)
    if not samples:
        parser.error(f"{options.recording} holds no sample of that lap." if options.lap else "No sample is driven.")
    rr.init("assetto_corsa", spawn=options.save is None, default_blueprint=layout())
    if options.save is not None:
        rr.save(options.save, default_blueprint=layout())
    send(samples)
    print(f"{len(samples):,} samples of {options.recording}")


if __name__ == "__main__":
    main()
