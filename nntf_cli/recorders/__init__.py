"""Recorders write label logs while a training runs.

``LabelRecorder`` needs no framework: whole snapshots, or batches scattered by sample index. Each snapshot is in the
journal beside the log when the call returns; the log itself, an HDF5 file, is made from that and renamed into place.
The others watch the training of a framework, each in a file of its own that alone imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nntf_cli.recorders.recorder import LabelRecorder, RecorderWarning

if TYPE_CHECKING:
    from nntf_cli.recorders.for_keras import KerasRecorder
    from nntf_cli.recorders.for_lightning import LightningRecorder
    from nntf_cli.recorders.for_sklearn import SklearnRecorder
    from nntf_cli.recorders.for_torch import TorchRecorder
    from nntf_cli.recorders.for_transformers import TransformersRecorder
    from nntf_cli.recorders.stages import record_stages

__all__ = [
    "KerasRecorder",
    "LabelRecorder",
    "LightningRecorder",
    "RecorderWarning",
    "SklearnRecorder",
    "TorchRecorder",
    "TransformersRecorder",
    "record_stages",
]

#: Where each is that needs a framework, and what to install where that is missing.
_LATER = {
    "KerasRecorder": ("for_keras", "keras"),
    "LightningRecorder": ("for_lightning", "lightning"),
    "SklearnRecorder": ("for_sklearn", "sklearn"),
    "TorchRecorder": ("for_torch", "torch"),
    "TransformersRecorder": ("for_transformers", "transformers"),
    "record_stages": ("stages", "sklearn"),
}


def __getattr__(name: str) -> Any:
    """Import a recorder, and with it its framework, when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _LATER[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("nntf_cli"):
            raise
        raise ModuleNotFoundError(
            f"{name} needs {error.name}, which is not installed: pip install 'nntf-cli[{extra}]'", name=error.name
        ) from error
