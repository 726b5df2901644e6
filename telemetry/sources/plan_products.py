"""The products of a plan: its finished recordings in the other formats that it asks for, beside them in its folder."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, TelemetryError
from telemetry.base.text import format_size
from telemetry.formats import stem_of
from telemetry.plans.manifest import Manifest, ProductRecord, RunProgress
from telemetry.sources.convert import ConversionOptions, ConversionProgress, ConversionResult, convert_recording


@dataclass(frozen=True, slots=True)
class ProductReports:
    """Who is informed: ``made`` of each product that was made, ``failed`` of each that could not be made."""

    made: Callable[[str], None] | None
    failed: Callable[[str], None]
    progress: ConversionProgress | None = None


def make_products(manifest: Manifest, reports: ProductReports, clock: Clock) -> bool:
    """Make the products that are missing, one after the other; false where the clock was stopped before.

    A product is written completely or not at all, and the manifest has its size then. One that cannot be made leaves
    its recording as it is, and the next call tries again. No file is replaced that the manifest does not name as a
    product.
    """
    for product in list(_missing_products(manifest)):
        if clock.stopped:
            return False
        earlier = product.entries
        try:
            result = _make(manifest, product, clock, reports.progress)
        except TelemetryError as error:
            _take_back(manifest, product, earlier)
            reports.failed(f"{product.path} was not made: {error}")
            continue
        if result is None:
            _take_back(manifest, product, earlier)
            return False
        if reports.made is not None:
            names = ", ".join(str(product.path.with_name(file.name)) for file in result.files)
            reports.made(f"Made {names}: {format_size(sum(file.size for file in result.files))}.")
    return True


@dataclass(frozen=True, slots=True)
class _Product:
    """A product of a recording, which the manifest lists as ``recording``."""

    folder: Path
    progress: RunProgress
    recording: str
    format: str

    @property
    def path(self) -> Path:
        recording = self.folder / self.recording
        return recording.with_name(f"{stem_of(recording)}{self.format}")

    @property
    def entries(self) -> tuple[ProductRecord, ...]:
        """Its files that the manifest lists; none before it was begun."""
        products = self.progress.files[self.recording].products
        return tuple(entry for entry in products if entry.format == self.format)

    @property
    def is_missing(self) -> bool:
        entries = self.entries
        return not entries or not all(entry.finished and (self.folder / entry.file).exists() for entry in entries)

    def enter(self, entries: Iterable[ProductRecord]) -> None:
        """List these files in place of those that were listed."""
        record = self.progress.files[self.recording]
        others = (entry for entry in record.products if entry.format != self.format)
        self.progress.files[self.recording] = replace(record, products=(*others, *entries))

    def entry(self, name: str, size: int | None = None) -> ProductRecord:
        """The entry of one of its files, which lies beside the recording; one without a size is not finished."""
        file = self.path.with_name(name).relative_to(self.folder).as_posix()
        return ProductRecord(file=file, format=self.format, finished=size is not None, bytes=size or 0)


def _missing_products(manifest: Manifest) -> Iterator[_Product]:
    for progress in manifest.runs:
        finished = [name for name, record in progress.files.items() if record.finished]
        for product in (
            _Product(manifest.folder, progress, name, wanted) for name in finished for wanted in progress.run.products
        ):
            if product.is_missing:
                yield product


def _take_back(manifest: Manifest, product: _Product, entries: tuple[ProductRecord, ...]) -> None:
    """List again what was listed before a product was begun."""
    product.enter(entries)
    with suppress(SinkError):  # then it stays listed as begun
        manifest.save()


def _make(
    manifest: Manifest, product: _Product, clock: Clock, progress: ConversionProgress | None
) -> ConversionResult | None:
    """Make a product and list its files; None where the clock was stopped before it was done."""
    output, is_listed = product.path, bool(product.entries)
    if not is_listed:
        if output.exists():
            raise SinkError("there is a file of that name, and not of this plan. Move it, and run the plan again.")
        product.enter([product.entry(output.name)])  # so that after any crash it is known whose file it is
        manifest.save()
    run = product.progress.run
    options = ConversionOptions(include_ai=run.include_ai, overwrite=is_listed, thresholds=run.thresholds)
    result = convert_recording(manifest.folder / product.recording, output, options, clock=clock, progress=progress)
    if result is not None:
        product.enter([product.entry(file.name, file.size) for file in result.files])
        manifest.save()
    return result
