"""Pickles taken as data: the opcodes are walked, and nothing that they name is loaded or called.

What a pickle would call becomes a `Call`, which says the name and the arguments. Only numpy's own
names, for arrays and numbers, are let through. Protocols 0 (of Python 2) to 4 are read.
"""

from __future__ import annotations

import codecs
import io
import math
import pickletools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")  # numpy 1 and 2
_NAMES = {
    **{f"{module}.{name}": name for module in _MODULES for name in ("_reconstruct", "scalar")},
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
}
_OPCODES = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
_NUMBERS = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"}


@dataclass(frozen=True, slots=True)
class Name:
    """One of numpy's names."""

    name: str


@dataclass(slots=True, eq=False)
class Call:
    """What would be called, with what, and the state that the result would be given."""

    name: str
    arguments: Any
    state: Any = None


def skip_pickle(data: bytes) -> int:
    """The length of the pickle that `data` begins with; ValueError where it is none."""
    stream = io.BytesIO(data)
    for _ in _opcodes(stream):
        pass
    return stream.tell()


def read_pickle(data: bytes | BinaryIO) -> Any:
    """The value that `data` begins with: plain values, tuples, lists, dicts and Calls.

    Strings of Python 2, which may hold bytes, are read as Latin-1. ValueError says what is in it
    that plain metadata has not, or that it is broken.
    """
    machine = _Machine()
    try:
        for opcode, argument in _opcodes(io.BytesIO(data) if isinstance(data, bytes) else data):
            machine.step(opcode, argument)
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is broken ({error!r})") from None
    if len(machine.stack) != 1:
        raise ValueError("it is broken")
    return machine.stack[0]


def number_in(value: Any) -> float | None:
    """The number that `value` is, Python's or one of numpy's, else None."""
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case Call("scalar", (Call("dtype", (str(kind), *_), (_, str(order), *_)), bytes(data))):
            if kind in _NUMBERS and order in ("<", ">", "|") and len(data) == int(kind[1:]):
                return float(np.frombuffer(data, np.dtype(order + kind))[0])
    return None


def array_in(value: Any) -> npt.NDArray[Any] | None:
    """The array of numbers that `value` is, not to be written to, else None."""
    match value:
        case Call(
            "_reconstruct",
            _,
            (
                _,
                tuple(shape),
                Call("dtype", (str(kind), *_), (_, str(order), *_)),
                bool(columns),
                str() | bytes() as data,
            ),
        ):
            raw = data.encode("latin-1") if isinstance(data, str) else data
            sizes = all(isinstance(size, int) and size >= 0 for size in shape)
            if not sizes or kind not in _NUMBERS or order not in ("<", ">", "|"):
                return None
            if len(raw) == math.prod(shape) * int(kind[1:]):
                flat = np.frombuffer(raw, np.dtype(order + kind))
                return flat.reshape(shape, order="F" if columns else "C")
    return None


def _opcodes(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """Names and arguments of the opcodes up to the end of a pickle.

    As `pickletools.genops`, which before Python 3.13 refuses strings of Python 2 that hold bytes.
    """
    code = b""
    while code != b".":
        code = stream.read(1)
        opcode = _OPCODES.get(code)
        if opcode is None:
            raise ValueError(f"it has {code!r} for an opcode" if code else "it is cut short")
        if opcode.name == "STRING":
            yield opcode.name, _string(stream.readline())
        else:
            yield opcode.name, opcode.arg.reader(stream) if opcode.arg else None


def _string(line: bytes) -> str:
    """The argument of STRING: in quotes, with escapes, to the end of the line."""
    quoted = line.rstrip(b"\n")
    if (
        not line.endswith(b"\n")
        or len(quoted) < 2
        or quoted[:1] not in b"'\""
        or (quoted[:1] != quoted[-1:])
    ):
        raise ValueError("it has a string without its quotes")
    with warnings.catch_warnings(action="error", category=DeprecationWarning):
        try:
            return codecs.escape_decode(quoted[1:-1])[0].decode("latin-1")
        except DeprecationWarning as warning:
            raise ValueError(f"it has a string with an {warning}") from None


class _Machine:
    """The stack machine that pickles are written for, without the calls."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        push, pop = self.stack.append, self.stack.pop
        match opcode:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                push(argument)
            case "INT" | "LONG" | "FLOAT" | "UNICODE":
                push(argument)
            case "STRING" | "BINSTRING" | "SHORT_BINSTRING":
                push(argument)  # of Python 2
            case "SHORT_BINUNICODE" | "BINUNICODE" | "SHORT_BINBYTES" | "BINBYTES":
                push(argument)
            case "NONE":
                push(None)
            case "NEWTRUE" | "NEWFALSE":
                push(opcode == "NEWTRUE")
            case "EMPTY_TUPLE":
                push(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = [pop() for _ in range(int(opcode[-1]))]
                push(tuple(reversed(items)))
            case "EMPTY_LIST":
                push([])
            case "EMPTY_DICT":
                push({})
            case "MARK":
                self._marked.append(self.stack)
                self.stack = []
            case "TUPLE":
                items = self._to_mark()
                self.stack.append(tuple(items))
            case "LIST":
                items = self._to_mark()
                self.stack.append(items)
            case "DICT":
                items = self._to_mark()
                self.stack.append({})
                self._set(items)
            case "APPEND":
                item = pop()
                self.stack[-1].append(item)
            case "APPENDS":
                items = self._to_mark()
                self.stack[-1].extend(items)
            case "SETITEM":
                value, key = pop(), pop()
                self._set([key, value])
            case "SETITEMS":
                self._set(self._to_mark())
            case "MEMOIZE":
                self._memo[len(self._memo)] = self.stack[-1]
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                push(self._memo[argument])
            case "GLOBAL":
                push(_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                name, module = pop(), pop()
                push(_name(module, name))
            case "REDUCE":
                arguments, name = pop(), pop()
                push(Call(name.name, arguments))
            case "BUILD":
                state = pop()
                self.stack[-1].state = state
            case _:
                raise ValueError(f"it uses {opcode}")

    def _to_mark(self) -> list[Any]:
        items, self.stack = self.stack, self._marked.pop()
        return items

    def _set(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not _is_key(key):
                raise ValueError("it has a key that is no text")
            self.stack[-1][key] = value


def _is_key(value: object) -> bool:
    """Text, or a tuple of texts and whole numbers."""
    parts = value if isinstance(value, tuple) else (value,)
    return isinstance(value, str | tuple) and all(isinstance(part, str | int) for part in parts)


def _name(module: object, name: object) -> Name:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("it has a name that is no text")
    full = f"{module}.{name}"
    if full not in _NAMES:
        raise ValueError(f"it names {full[:80]!r}")
    return Name(_NAMES[full])
