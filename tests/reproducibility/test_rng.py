"""Oracle: NumPy's seed sequences and PyTorch's generators, called directly with the keys that runs have always had."""

import numpy as np
import pytest
import torch

from swissroll.reproducibility import rng

KEYS = {"initialisation": 0, "data": 1, "noise": 2, "evaluation": 3, "evaluation noise": 4, "repair": 5}


@pytest.mark.parametrize("purpose", KEYS)
def test_a_purpose_keeps_its_key_so_that_old_runs_keep_their_bits(purpose: str) -> None:
    state = np.random.SeedSequence(7, spawn_key=(KEYS[purpose],)).generate_state(1, np.uint64)[0]
    expected = torch.rand(5, generator=torch.Generator().manual_seed(int(state) // 2))
    assert torch.equal(torch.rand(5, generator=rng.generator(7, purpose)), expected)


def test_every_purpose_has_a_key_of_its_own() -> None:
    assert len(set(rng.PURPOSES.values())) == len(rng.PURPOSES)
