"""One site for all tests that only read it."""

import pytest

from acrawl.demo.site import build


@pytest.fixture(scope="session")
def gallery():
    return build(1)
