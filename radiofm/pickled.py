"""Pickles taken as data: the opcodes are walked, and nothing that they name is loaded or called.

What a pickle would call becomes a `Call`, which says the name and the arguments. Only numpy's own
names, for arrays and numbers, are let through.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np

_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")  # numpy 1 and 2
_NAMES = {
    **{f"{module}.{name}": name for module in _MODULES for name in ("_reconstruct", "scalar")},
    "numpy.ndarray": "ndarray",
    "numpy.dtype": "dtype",
}
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
    for _ in pickletools.genops(stream):
        pass
    return stream.tell()


def read_pickle(data: bytes) -> Any:
    """The value that `data` begins with: plain values, tuples, lists, dicts and Calls.

    ValueError says what is in it that plain metadata has not, or that it is broken.
    """
    machine = _Machine()
    try:
        for opcode, argument, _ in pickletools.genops(data):
            machine.step(opcode.name, argument)
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
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self.stack[-1]
            case "BINGET" | "LONG_BINGET":
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
            if not isinstance(key, str):
                raise ValueError("it has a key that is no text")
            self.stack[-1][key] = value


def _name(module: object, name: object) -> Name:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("it has a name that is no text")
    full = f"{module}.{name}"
    if full not in _NAMES:
        raise ValueError(f"it names {full[:80]!r}")
    return Name(_NAMES[full])
