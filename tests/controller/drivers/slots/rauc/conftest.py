"""The updater over the device with a real RAUC."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.engines.rauc import Rauc

from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater

from .over_rauc import updater_of


@pytest.fixture
async def updater(rauc: Rauc) -> AsyncIterator[RaucUpdater]:
    it = updater_of(rauc)
    yield it
    await it.close()
