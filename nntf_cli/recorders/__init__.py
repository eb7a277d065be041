"""Recorders write label logs while a training runs.

``LabelRecorder`` needs no framework: whole snapshots, or batches scattered by sample index. Each snapshot is in the
journal beside the log when the call returns; the log itself, an HDF5 file, is made from that and renamed into place.
"""

from nntf_cli.recorders.recorder import LabelRecorder, RecorderWarning

__all__ = ["LabelRecorder", "RecorderWarning"]
