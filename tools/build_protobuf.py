#!/usr/bin/env python3
"""Make src/wherry/apiserver/data/protobuf.json.z: the field numbers of the protobuf form of the kinds.

    tools/build_protobuf.py BINARY...      (run by `make schema`; the result is committed)

kubectl and other Go clients write built-in kinds in protobuf. The numbers stand in the struct tags of
upstream's Go types (`json:"replicas" protobuf:"varint,1,opt,name=replicas"`), and Go keeps struct tags
in every program for reflection. So they are read from a published kube-apiserver or kubectl (linux,
not position independent); where several know a type, the last one counts.

Out comes {definition: {number: "jsonName:code"}}. Codes: s string, i integer, b boolean, d double,
B bytes, L a message that holds a list of strings, m + definition a message; before them * a pointer,
[ a list, { a map from strings. An empty jsonName is a struct embedded in JSON, nested on the wire.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "src/wherry/apiserver/data/protobuf.json.z"
PACKAGES = (
    "k8s.io/api/",
    "k8s.io/apimachinery/pkg/",
    "k8s.io/kube-aggregator/pkg/apis/apiregistration/",
    "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/",
)
LISTS = ("Verbs", "ExtraValue")
POINTER, STRUCT, SLICE, MAP = 22, 25, 23, 21
SCALARS = {1: "b", 24: "s", 13: "d", 14: "d"} | dict.fromkeys(range(2, 12), "i")


class GoTypes:
    """The type descriptors of a Go program (`internal/abi/type.go`)."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.sections = self._sections()
        self.base = self.sections[".rodata"][0]

    def _sections(self) -> dict[str, tuple[int, int, int]]:
        """ELF sections with contents: name to (address, offset, size)."""
        start = struct.unpack_from("<Q", self.data, 0x28)[0]
        size, count, names = struct.unpack_from("<HHH", self.data, 0x3A)
        rows = [struct.unpack_from("<IIQQQQ", self.data, start + i * size) for i in range(count)]
        found = {}
        for name, kind, _, address, offset, length in rows:
            at = rows[names][4] + name
            if kind != 8 and address:
                found[self.data[at : self.data.index(b"\0", at)].decode()] = (address, offset, length)
        return found

    def offset(self, address: int) -> int:
        for start, offset, size in self.sections.values():
            if start <= address < start + size:
                return offset + address - start
        raise LookupError(hex(address))

    def word(self, address: int) -> int:
        return int(struct.unpack_from("<Q", self.data, self.offset(address))[0])

    def kind(self, address: int) -> tuple[int, int]:
        """(kind, flags)"""
        at = self.offset(address)
        return self.data[at + 23] & 31, self.data[at + 20]

    def name(self, address: int) -> str:
        """The type's name without its package."""
        at = self.offset(address)
        text = self.text(self.base + struct.unpack_from("<i", self.data, at + 40)[0])[0]
        return text.lstrip("*").rsplit(".", 1)[-1]

    def text(self, address: int) -> tuple[str, str]:
        """A name and its struct tag."""
        at = self.offset(address)
        tagged = self.data[at] & 2
        name, at = self._counted(at + 1)
        return name, self._counted(at)[0] if tagged else ""

    def _counted(self, at: int) -> tuple[str, int]:
        length = shift = 0
        while True:
            byte = self.data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return self.data[at : at + length].decode(), at + length

    def package(self, address: int) -> str:
        if not self.kind(address)[1] & 1:
            return ""
        at = struct.unpack_from("<i", self.data, self.offset(address + 80))[0]
        return self.text(self.base + at)[0] if at else ""

    def fields(self, address: int) -> Iterator[tuple[str, int]]:
        """(tag, type) of a struct's fields."""
        first, count = self.word(address + 56), self.word(address + 64)
        for i in range(count):
            yield self.text(self.word(first + 24 * i))[1], self.word(first + 24 * i + 8)

    def structs(self) -> Iterator[int]:
        """Every named struct that can be reached from the program's type links."""
        _, at, size = self.sections[".typelink"]
        rest = [self.base + struct.unpack_from("<i", self.data, at + i)[0] for i in range(0, size, 4)]
        seen = set()
        while rest:
            address = rest.pop()
            if address in seen:
                continue
            seen.add(address)
            kind, flags = self.kind(address)
            if kind in (POINTER, SLICE):
                rest.append(self.word(address + 48))
            elif kind == MAP:
                rest += [self.word(address + 48), self.word(address + 56)]
            elif kind == STRUCT:
                rest += [field for _, field in self.fields(address)]
                if flags & 4:
                    yield address


def definition(types: GoTypes, address: int) -> str:
    path = types.package(address).removeprefix("k8s.io/").replace("/", ".")
    return f"io.k8s.{path}.{types.name(address)}"


def code(types: GoTypes, address: int) -> str:
    kind, _ = types.kind(address)
    if kind == POINTER:
        return "*" + code(types, types.word(address + 48))
    if kind == SLICE:
        inner = types.word(address + 48)
        if types.kind(inner)[0] == 8:
            return "B"
        return "L" if types.name(address) in LISTS else "[" + code(types, inner)
    if kind == MAP:
        return "{" + code(types, types.word(address + 56))
    return "m" + definition(types, address) if kind == STRUCT else SCALARS[kind]


def message(types: GoTypes, address: int) -> dict[str, str]:
    found = {}
    for tag, field in types.fields(address):
        wire = re.search(r'protobuf:"[^",]+,(\d+)', tag)
        name = re.search(r'json:"([^",]*)', tag)
        if wire and name and name[1] != "-":
            found[wire[1]] = f"{name[1]}:{code(types, field)}"
    return found


def main(*paths: str) -> None:
    table: dict[str, dict[str, str]] = {}
    for path in paths:
        types = GoTypes(Path(path))
        for address in types.structs():
            if types.package(address).startswith(PACKAGES):
                fields = message(types, address)
                if fields:
                    table[definition(types, address)] = fields
    served = {
        name: fields for name, fields in table.items() if not re.search(r"\.v\d+(alpha|beta)\d+\.", name)
    }
    text = json.dumps(served, separators=(",", ":"), sort_keys=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_bytes(zlib.compress(text.encode(), 9))
    print(f"{len(served)} messages, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
