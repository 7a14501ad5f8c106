"""A config is checked when made, and survives its file."""

import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swissroll.config import Config, read_config

CONFIGS = st.builds(
    Config,
    noise=st.floats(0, 10),
    latent_dim=st.integers(1, 64),
    hidden_dim=st.integers(1, 512),
    depth=st.integers(0, 6),
    activation=st.sampled_from(["relu", "leaky_relu", "elu", "silu", "softplus", "tanh"]),
    beta=st.just(0.0) | st.floats(1e-12, 1e6),
    reduction=st.sampled_from(["mean", "sum"]),
    steps=st.integers(1, 10**9),
    batch_size=st.integers(1, 10**4),
    lr=st.floats(1e-300, 1e6),
    seed=st.integers(0, 2**63 - 1),
    threads=st.none() | st.integers(1, 8),
)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
)


@given(config=CONFIGS)
def test_a_config_survives_its_file(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert read_config(path) == config


@given(name=st.sampled_from([f.name for f in fields(Config)]), value=ANYTHING)
def test_any_value_is_taken_as_it_is_or_refused_by_name(name: str, value: Any) -> None:
    message = ""
    try:
        config = Config.from_dict({name: value})
    except ValueError as error:
        message = str(error)
    if message:
        assert name in message
        assert "\n" not in message
    else:
        assert asdict(config)[name] == value
        assert not (isinstance(value, float) and math.isnan(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("betta = 1", r"unknown key 'betta'\. Did you mean 'beta'\?"),
        ("beta = nan", "beta must be a finite number of at least 0"),
        ("components = 501", "components must be a whole number from 0 to 500"),
        ("beta = -1", "beta must be"),
        ("latent_dim = 0", "latent_dim must be a whole number from 1"),
        ("steps = 1.5", "steps must be a whole number"),
        ("lr = 0", "lr must be a finite number above 0"),
        ("activation = 'rellu'", r"activation must be one of relu.*Did you mean 'relu'\?"),
        ("versions = 3", "'versions' must be a table"),
        ("= 1", "not a TOML file"),
        ("hidden_dim = 16384\ndepth = 64", "Make the network or the batch smaller"),
        ("latent_dim = 4096\nbatch_size = 1000000\nhidden_dim = 1", "Make the network or the batch smaller"),
    ],
)
def test_a_bad_file_is_refused_with_its_reason(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_a_whole_number_serves_as_a_float() -> None:
    assert Config.from_dict({"beta": 1}).beta == 1.0
