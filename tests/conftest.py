"""What tests of several rooms share."""

import pytest


@pytest.fixture(scope="module", params=["numpy", "numba"])
def kernels(request):
    """Run on both implementations of the kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NNTF_ENGINE", request.param)
        yield request.param
