"""The answers to the queries of assetto_corsa_gym's client: static info, configuration and the track."""

from collections.abc import Callable
from pathlib import Path

from telemetry.base.errors import SourceError, UsageError
from telemetry.fields.derived import Sample
from telemetry.rl.acgym.files import find_geometry
from telemetry.rl.acgym.messages import static_text, track_text
from telemetry.tracks.geometry import Geometry


class Queries:
    """Answers queries about the latest sample.

    ``config`` is the answer to ``get_config``. ``warn`` shows a sentence every time, ``warn_once`` only once.
    """

    def __init__(
        self,
        latest_sample: Callable[[], Sample | None],
        acgym: Path | None,
        ac_root: Path | None,
        *,
        config: str,
        warn: Callable[[str], None],
        warn_once: Callable[[str], None],
    ) -> None:
        self._latest_sample = latest_sample
        self._acgym, self._ac_root = acgym, ac_root
        self._config = config
        self._warn, self._warn_once = warn, warn_once
        self._geometries: dict[tuple[str, str], Geometry | None] = {}
        self._track_texts: dict[str, str] = {}

    def answer(self, request: str) -> str | None:
        """The answer to a query; None if there is none."""
        sample = self._latest_sample()
        if sample is None:
            return None
        if request == "get_static_info":
            geometry = None if sample.track_spline_length else self._find_geometry(sample)
            return static_text(sample, None if geometry is None else geometry.length)
        if request == "get_config":
            return self._config
        if request == "get_track_info":
            return self._track_text(sample)
        self._warn_once("Ignored a query that assetto_corsa_gym's plugin does not know.")
        return None

    def _track_text(self, sample: Sample) -> str:
        """The answer about the sample's track, written once: it is long."""
        geometry = self._find_geometry(sample)
        if geometry is None:
            return track_text(None)
        if geometry.name not in self._track_texts:
            self._track_texts = {geometry.name: track_text(geometry)}
        return self._track_texts[geometry.name]

    def _find_geometry(self, sample: Sample) -> Geometry | None:
        """The geometry of the sample's track; None if it is not known."""
        track = (sample.track, sample.track_configuration)
        if track not in self._geometries:
            self._geometries[track] = None
            try:
                self._geometries[track] = find_geometry(*track, acgym=self._acgym, ac_root=self._ac_root)
            except (SourceError, UsageError) as error:
                self._warn(str(error))
        return self._geometries[track]
