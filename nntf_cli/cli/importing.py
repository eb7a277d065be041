"""``nntf import``: make a label log of what other programs wrote."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from nntf_cli.cli import options
from nntf_cli.cli.boundary import note_line
from nntf_cli.errors import ParameterError
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nntf_cli.importing import Collector, Imported, Layout
    from nntf_cli.model import Scalar

#: Named here and not where they are read, for that shall not be loaded to show the help.
FORMATS = (
    "pickle", "npy", "npz", "folder", "csv-wide", "csv-long", "cartography", "huggingface", "instanceflow", "lm-eval",
)  # fmt: skip

_ENDINGS = (".h5", ".hdf5", ".npz")

_FILE = click.Path()


@click.command("import")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=click.Path())
@click.option("-o", "--output", metavar="FILE", type=_FILE, required=True,
              help="Write the label log here: .h5, or .npz for its twin.")  # fmt: skip
@click.option("--from", "layout", type=click.Choice(FORMATS),
              help="What the sources are.  [default: recognised by names and content]")  # fmt: skip
@click.option("--axis", type=click.IntRange(0, 1),
              help="Snapshots of one array are its rows (0) or its columns (1).  [default: 0; of CSV 1]")  # fmt: skip
@click.option("--split", metavar="NAME",
              help="Name the samples: train, test, ...  [default: train, or what the sources say]")  # fmt: skip
@click.option("--true", "true", metavar="FILE", type=_FILE,
              help="True classes: a line each, .npy, or CSV with id and label.")  # fmt: skip
@click.option(
    "--ids", metavar="FILE", type=_FILE, help="Ids of the samples, a line each or .npy, where sources have none."
)
@click.option("--classes", metavar="FILE", type=_FILE, help="Names of the classes 0, 1, ..., a line each.")
@click.option("--scalars", metavar="FILE", type=_FILE, multiple=True,
              help="Loss, accuracy, ... by step or epoch: Keras's CSVLogger, Lightning's metrics.csv.")  # fmt: skip
@click.option("--hparam", metavar="NAME=VALUE", multiple=True, help="A hyperparameter of the run; may be repeated.")
@options.force
@options.limits
@options.quiet
@click.pass_context
def command(
    ctx: click.Context, sources: tuple[str, ...], output: str, layout: str | None, axis: int | None, split: str | None,
    true: str | None, ids: str | None, classes: str | None, scalars: tuple[str, ...], hparam: tuple[str, ...],
    quiet: bool,
) -> None:  # fmt: skip
    """Make a label log of SOURCE, which other programs wrote: files or folders of one run.

    Read are pickles {iteration: {"predictions", "loss", ...}} (interpreted, never unpickled), arrays (T, N), one
    file per snapshot, CSV with a column per snapshot or a row per prediction, and what dataset-cartography, Hugging
    Face's Trainer, InstanceFlow and lm-evaluation-harness write. Of scores the largest counts. Samples are told apart
    by their ids where there are some, and one that a snapshot leaves out is missing there. What was assumed is said on
    stderr.

    \b
      nntf import runs/wd_0.pkl -o wd_0.h5 --hparam weight_decay=0
      nntf import labels.npy -o run.h5 --true y.npy --scalars training.csv
      nntf import predictions/ -o run.h5 --classes names.txt
      nntf import out/training_dynamics -o run.h5
    """
    from nntf_cli.importing import Collector, Options, layout_of

    if "-" in sources:
        raise click.UsageError("what is imported cannot come through a pipe: name a file or folder")
    given = _parsed_hparams(hparam)
    beside = [path for path in (true, ids, classes, *scalars) if path]
    _check_output(ctx, output, [*sources, *beside])
    found = layout_of(sources, layout)
    _check_name(split)
    log = Collector(sources[0], split or found.split, split_is_asked_for=split is not None)
    _add_beside(log, classes, true, ids, scalars)
    log.add_all(found.read(sources, Options(axis)))
    imported = log.finish()
    imported.hparams |= given
    _write(imported, output)
    _tell(imported, found, sources)


def _check_output(ctx: click.Context, output: str, inputs: Sequence[str]) -> None:
    """Refuse an output before anything is read: an unknown ending, an input, a log that would be lost."""
    from nntf_cli.files.atomic import refuse_inputs
    from nntf_cli.labellog import is_log

    if os.path.splitext(output)[1].lower() not in _ENDINGS:
        raise click.BadParameter(f"{output}: unknown ending; use {', '.join(_ENDINGS)}", param_hint="'-o'")
    inside = [os.path.join(s, name) for s in inputs if os.path.isdir(s) for name in os.listdir(s)]
    # HDF5 in a folder is not read, and may be what came of it last time
    refuse_inputs([output], [*inputs, *(path for path in inside if not path.lower().endswith((".h5", ".hdf5")))])
    if not ctx.meta.get("nntf.force") and os.path.isfile(output) and is_log(output):
        raise ParameterError("is a label log", "name another output, or say --force", where=output)


def _check_name(split: str | None) -> None:
    if split is not None and (not split.strip() or "/" in split or split in (".", "..")):
        raise click.BadParameter(f"{split!r} is no name of a split", param_hint="'--split'")


def _parsed_hparams(given: Sequence[str]) -> dict[str, Scalar]:
    """Return hyperparameters as numbers, truth values or text."""
    values: dict[str, Scalar] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isprintable() or name.strip() in ("", "name") or name.strip() in values:
            what = "is given twice" if name.strip() in values else "is no NAME=VALUE"
            raise click.BadParameter(f"{text!r} {what}", param_hint="'--hparam'")
        values[name.strip()] = _scalar(value.strip())
    return values


def _scalar(text: str) -> Scalar:
    if text in ("true", "True", "false", "False"):
        return text in ("true", "True")
    for kind in (int, float):
        try:
            value = kind(text)
        except ValueError:
            continue
        # what HDF5 cannot hold as a number, and what Python alone takes for one, stays text
        if "_" not in text and (kind is float or -(2**63) <= value < 2**63):
            return value
    return text


def _add_beside(log: Collector, classes: str | None, true: str | None, ids: str | None, scalars: Sequence[str]) -> None:
    from nntf_cli.importing import beside

    for path, read in ((classes, beside.class_names), (true, beside.true_labels), (ids, beside.sample_ids)):
        if path:
            log.add_all(read(path))
    for path in scalars:
        log.add_all(beside.scalar_rows(path))


def _write(imported: Imported, output: str) -> None:
    from nntf_cli.labellog import write_log

    arrays: dict[str, Any] = {"scalars": imported.scalars, "hparams": imported.hparams}
    write_log(
        output,
        imported.labels,
        n_classes=imported.n_classes,
        step=imported.step,
        class_names=imported.class_names,
        true=imported.true,
        ids=imported.ids,
        force=True,
        **arrays,
    )


def _tell(imported: Imported, layout: Layout, sources: Sequence[str]) -> None:
    """Say what was recognised and what was assumed."""
    shapes = ", ".join(
        f"{quantity(len(imported.step), 'snapshot')} x {quantity(labels.shape[1], 'sample')} ({split})"
        for split, labels in imported.labels.items()
    )
    facts = [layout.words, shapes, quantity(imported.n_classes, "class")]
    facts += ["labels are the classes with the largest score"] if imported.by_scores else []
    facts += [f"{quantity(imported.n_missing, 'label')} missing"] if imported.n_missing else []
    note_line(f"{sources[0]}: {'; '.join(facts)}")
    for remark in dict.fromkeys(imported.remarks):
        note_line(f"{sources[0]}: {remark}")
