"""Messages between the grader and the process that runs somebody's code: all that may come, and all that may not."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swissroll.exercise import wire

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def sent(value: Any) -> Any:
    """A value after it has been sent and read."""
    message = wire.pack(value)
    text_length, payload_length = wire.LENGTHS.unpack(message[: wire.LENGTHS.size])
    text = message[wire.LENGTHS.size :][:text_length]
    payload = message[wire.LENGTHS.size + text_length :]
    assert len(payload) == payload_length
    return wire.unpack(text, payload)


@given(VALUES)
def test_plain_values_come_as_they_went(value: Any) -> None:
    assert sent(value) == value


@pytest.mark.parametrize("dtype", wire.DTYPES.values(), ids=wire.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 5)])
def test_tensors_come_bit_for_bit(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.randn(shape, dtype=torch.float64).mul(100).to(dtype)
    came = sent({"z": [tensor.requires_grad_() if dtype.is_floating_point else tensor]})["z"][0]
    assert came.dtype is dtype
    assert came.shape == tensor.shape
    assert torch.equal(came, tensor)


def test_views_and_what_is_not_finite_come_as_they_are() -> None:
    tensor = torch.tensor([[1.0, float("nan")], [float("inf"), -0.0]])
    torch.testing.assert_close(sent(tensor.T), tensor.T, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(sent(torch.zeros(1).expand(4, 3)), torch.zeros(4, 3))


class Reduced:
    """Pickling it would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 1",)


@pytest.mark.parametrize(
    "value",
    [Reduced(), {1, 2}, b"x", torch.zeros(2).to_sparse(), print],
    ids=["object", "set", "bytes", "sparse", "function"],
)
def test_nothing_else_can_be_sent(value: Any) -> None:
    with pytest.raises(wire.WireError, match="cannot be sent"):
        wire.pack({"value": value})


def test_what_is_too_large_or_too_deep_is_refused_before_it_is_copied() -> None:
    with pytest.raises(wire.WireError, match="too large"):
        wire.pack(torch.zeros(1).expand(10**9))
    nested: list[Any] = []
    for _ in range(100):
        nested = [nested]
    with pytest.raises(wire.WireError, match="deeply"):
        wire.pack(nested)


def header(*tensors: Any, value: Any = None) -> bytes:
    return json.dumps({"value": value, "tensors": tensors}).encode()


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        (b"", b""),
        (b"\xff\xfe", b""),
        (b"[" * 100_000, b""),
        (b"[1, 2]", b""),
        (b'{"value": 1}', b""),
        (header(["float32", [10**6]]), b"1234"),
        (header(["float32", [2**62, 4]]), b"1234"),
        (header(["float32", [-1]]), b"1234"),
        (header(["float32", [1.0]]), b"1234"),
        (header(["float32", [True]]), b"1234"),
        (header(["float32", [1] * 60]), b"1234"),
        (header(["object", [1]]), b"1234"),
        (header(["float32"]), b"1234"),
        (header(None), b"1234"),
        (header(["float32", [1]]), b"12345678"),
        (header(value={"tensor": 0}), b""),
        (header(value={"tensor": -1}), b""),
        (header(["float32", [1]], value={"tensor": True}), b"1234"),
        (header(value={"other": 0}), b""),
        (header(value={"dict": 3}), b""),
        (header(*[["uint8", [0]]] * 2000), b""),
    ],
)
def test_forged_messages_are_refused(text: bytes, payload: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.unpack(text, payload)


@given(st.binary(max_size=200), st.binary(max_size=64))
def test_any_bytes_are_a_message_or_an_error(text: bytes, payload: bytes) -> None:
    with suppress(wire.WireError):
        wire.unpack(text, payload)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    yield read, write
    os.close(read)
    os.close(write)


def test_a_message_larger_than_the_pipe_passes(pipe: tuple[int, int]) -> None:
    read, write = pipe
    tensor = torch.randn(300_000)
    sender = threading.Thread(target=wire.send, args=(write, wire.pack(tensor), 10.0))
    sender.start()
    assert torch.equal(wire.receive(read, 10.0), tensor)
    sender.join()


def test_waiting_ends_in_time_in_both_directions(pipe: tuple[int, int]) -> None:
    read, write = pipe
    with pytest.raises(wire.WireTimeoutError):
        wire.receive(read, 0.01)
    with pytest.raises(wire.WireTimeoutError):
        wire.send(write, bytes(10**6), 0.01)


def test_a_length_that_cannot_be_is_refused_before_anything_is_read(pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.write(write, wire.LENGTHS.pack(2**32 - 1, 2**32 - 1))
    with pytest.raises(wire.WireError, match="too large"):
        wire.receive(read, 1.0)


def test_a_closed_pipe_is_the_end() -> None:
    read, write = os.pipe()
    os.write(write, b"\0\0")
    os.close(write)
    with pytest.raises(EOFError):
        wire.receive(read, 1.0)
    os.close(read)
