"""What tests of several rooms share."""

from importlib.util import find_spec

import pytest

from recordings import labels, path  # noqa: F401 - fixtures
from threeruns import write_three_runs

if find_spec("distributed"):
    from clusters import cluster, divided, local  # noqa: F401 - fixtures


@pytest.fixture(scope="module", params=["numpy", "numba"])
def kernels(request):
    """Run on both implementations of the kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNTF_ENGINE", request.param)
        yield request.param


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    """Return the paths of three runs that differ in one hyperparameter."""
    return write_three_runs(tmp_path_factory.mktemp("logs"))
