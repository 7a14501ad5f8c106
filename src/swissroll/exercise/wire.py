"""How requests and answers travel between the grader and the process that runs somebody's code.

A message is a JSON text and the raw bytes of its tensors, each with its length in front. Nothing is pickled: whatever
the other side sends, reading it runs none of its code. The process that runs the code loads this file by its path, so
it imports nothing of swissroll.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

import torch
from torch import Tensor

LENGTHS = struct.Struct(">II")
"""Lengths of the JSON text and of the tensors' bytes."""
MAX_TEXT_BYTES = 4 << 20
MAX_TENSOR_BYTES = 64 << 20
MAX_TENSORS = 1000
MAX_DEPTH = 40
CHUNK = 1 << 20
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
        torch.complex128,
    )
}
"""The kinds of numbers that travel, by name."""
TENSOR_KEY = "tensor"
DICT_KEY = "dict"


class WireError(ValueError):
    """A message that breaks the rules: too large, cut off, or not what a message looks like."""


class WireTimeoutError(WireError):
    """Nothing came, or nothing was taken, in the time that was allowed."""


def pack(value: Any) -> bytes:
    """Make the bytes of a message.

    Args:
        value: str, int, float, bool, None, Tensor, and lists, tuples or dicts of them.

    Raises:
        WireError: It holds something else, or is too large.
    """
    tensors: list[Tensor] = []
    tree = _to_tree(value, tensors, depth=0)
    try:
        text = json.dumps({"value": tree, "tensors": [_describe(tensor) for tensor in tensors]}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"a value cannot be sent: {error}") from None

    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if len(text) > MAX_TEXT_BYTES or size > MAX_TENSOR_BYTES:
        raise WireError(f"an answer of {(len(text) + size) / 1e6:.0f} MB is too large")
    payload = b"".join(_to_bytes(tensor) for tensor in tensors)
    return LENGTHS.pack(len(text), len(payload)) + text + payload


def _to_tree(value: Any, tensors: list[Tensor], depth: int) -> Any:
    """A value as JSON has it; tensors become their numbers, and dicts are wrapped so that the two differ."""
    if depth > MAX_DEPTH:
        raise WireError("a value is nested too deeply")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Tensor):
        tensors.append(value.detach())
        return {TENSOR_KEY: len(tensors) - 1}
    if isinstance(value, dict):
        return {DICT_KEY: {str(key): _to_tree(item, tensors, depth + 1) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_to_tree(item, tensors, depth + 1) for item in value]
    raise WireError(f"a value of type {type(value).__name__} cannot be sent")


def _describe(tensor: Tensor) -> list[Any]:
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DTYPES or tensor.layout is not torch.strided or tensor.is_meta:
        raise WireError(f"a tensor of {tensor.dtype}, {tensor.layout} on {tensor.device} cannot be sent")
    return [dtype, list(tensor.shape)]


def _to_bytes(tensor: Tensor) -> bytes:
    flat = tensor.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1)
    if flat.numel() == 0:
        return b""
    return bytes(flat.view(torch.uint8).numpy().tobytes())


def unpack(text: bytes, payload: bytes) -> Any:
    """Read a message; every length in it is checked against what came.

    Raises:
        WireError: It is not a message.
    """
    try:
        read = json.loads(text)
        described = list(read["tensors"])
        tree = read["value"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise WireError("what came is not a message") from None

    if len(described) > MAX_TENSORS:
        raise WireError(f"{len(described)} tensors in one message are too many")
    tensors = []
    start = 0
    for one in described:
        tensor, start = _from_bytes(one, payload, start)
        tensors.append(tensor)
    if start != len(payload):
        raise WireError("a message is longer than its tensors")
    return _from_tree(tree, tensors, depth=0)


def _from_bytes(described: Any, payload: bytes, start: int) -> tuple[Tensor, int]:
    """The tensor that begins at a byte, and where it ends."""
    try:
        name, shape = described
        dtype = DTYPES[name]
    except (TypeError, ValueError, KeyError):
        raise WireError("a tensor of an unknown kind came") from None
    is_shape = isinstance(shape, list) and len(shape) <= 16 and all(type(size) is int for size in shape)
    if not is_shape or not all(0 <= size <= MAX_TENSOR_BYTES for size in shape):
        raise WireError("a tensor with an impossible shape came")

    count = 1
    for size in shape:
        count *= size
    end = start + count * dtype.itemsize
    if end > len(payload):
        raise WireError("a tensor is larger than its message")
    if count == 0:
        return torch.empty(shape, dtype=dtype), start

    # A bool of any other byte than 0 and 1 would be neither true nor false.
    part = bytearray(payload[start:end])
    if dtype is torch.bool:
        return torch.frombuffer(part, dtype=torch.uint8).reshape(shape) != 0, end
    return torch.frombuffer(part, dtype=dtype).reshape(shape), end


def _from_tree(tree: Any, tensors: list[Tensor], depth: int) -> Any:
    if depth > 2 * MAX_DEPTH:
        raise WireError("a message is nested too deeply")
    if isinstance(tree, list):
        return [_from_tree(item, tensors, depth + 1) for item in tree]
    if not isinstance(tree, dict):
        return tree

    if tree.keys() == {DICT_KEY} and isinstance(tree[DICT_KEY], dict):
        return {key: _from_tree(item, tensors, depth + 1) for key, item in tree[DICT_KEY].items()}
    number = tree.get(TENSOR_KEY)
    if tree.keys() == {TENSOR_KEY} and type(number) is int and 0 <= number < len(tensors):
        return tensors[number]
    raise WireError("what came is not a message")


def send(descriptor: int, message: bytes, seconds: float | None = None) -> None:
    """Write a message to a pipe.

    Args:
        descriptor: Where to write; one that does not block, where there is a limit.
        message: What :func:`pack` made.
        seconds: Most seconds that this may take; None waits for ever.

    Raises:
        WireTimeoutError: The other side did not take it in time.
        OSError: The other side is gone.
    """
    end = None if seconds is None else time.monotonic() + seconds
    rest = memoryview(message)
    while rest:
        _wait(descriptor, select.POLLOUT, end)
        try:
            rest = rest[os.write(descriptor, rest[:CHUNK]) :]
        except BlockingIOError:
            continue


def receive(descriptor: int, seconds: float | None = None) -> Any:
    """Read the next message from a pipe.

    Raises:
        WireTimeoutError: It did not come in time.
        EOFError: The other side is gone.
        WireError: What came is not a message.
    """
    end = None if seconds is None else time.monotonic() + seconds
    text_length, payload_length = LENGTHS.unpack(_read(descriptor, LENGTHS.size, end))
    if text_length > MAX_TEXT_BYTES or payload_length > MAX_TENSOR_BYTES:
        raise WireError("what came is not a message, or is too large for one")
    text = _read(descriptor, text_length, end)
    return unpack(text, _read(descriptor, payload_length, end))


def _read(descriptor: int, size: int, end: float | None) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        _wait(descriptor, select.POLLIN, end)
        try:
            part = os.read(descriptor, min(size - len(parts), CHUNK))
        except BlockingIOError:
            continue
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def _wait(descriptor: int, event: int, end: float | None) -> None:
    """Wait until a pipe can be read or written, or is closed."""
    poll = select.poll()
    poll.register(descriptor, event)
    left = None if end is None else max(0.0, end - time.monotonic()) * 1000
    if not poll.poll(left):
        raise WireTimeoutError("no answer came in time")
