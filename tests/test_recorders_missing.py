"""Recorders come when they are asked for, and say what to install where their framework is not."""

from __future__ import annotations

import sys

import pytest

import nntf_cli.recorders as recorders


@pytest.mark.parametrize(
    ("name", "module", "needs", "extra"),
    [
        ("KerasRecorder", "for_keras", "keras", "keras"),
        ("TorchRecorder", "for_torch", "torch", "torch"),
        ("LightningRecorder", "for_lightning", "torch", "lightning"),
        ("TransformersRecorder", "for_transformers", "torch", "transformers"),
    ],
)
def test_a_missing_framework_is_named_with_what_to_install(monkeypatch, name, module, needs, extra):
    for loaded in [each for each in sys.modules if each.startswith("nntf_cli.recorders.")]:
        if loaded.rsplit(".", 1)[1] in (module, "for_torch", "samples", "undisturbed"):
            monkeypatch.delitem(sys.modules, loaded)
    for framework in ("keras", "torch"):
        monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(ModuleNotFoundError, match=rf"^{name} needs {needs}.*pip install 'nntf-cli\[{extra}\]'$"):
        getattr(recorders, name)


def test_those_that_need_no_framework_come_without():
    assert recorders.record_stages.__module__ == "nntf_cli.recorders.stages"
    assert recorders.SklearnRecorder.__module__ == "nntf_cli.recorders.for_sklearn"


def test_an_unknown_name_is_no_recorder():
    with pytest.raises(AttributeError, match="has no attribute 'CaffeRecorder'"):
        _ = recorders.CaffeRecorder


def test_all_names_can_be_imported_or_say_why_not():
    for name in recorders.__all__:
        try:
            assert getattr(recorders, name).__name__ == name
        except ModuleNotFoundError as error:
            assert "is not installed" in str(error)  # noqa: PT017
