"""Prints which fields and enum values of the messages generated here are newer than the oldest of several Envoys.

Released programs of Envoy hold the descriptors of their whole API, unpacked. Programs are given oldest first; needs the Python package protobuf.

Usage: envoy-fields.py VERSION=PROGRAM...
"""

import pathlib
import re
import sys

from google.protobuf import descriptor_pb2
from google.protobuf.internal.decoder import _DecodeVarint

GENERATED = pathlib.Path(__file__).parent.parent / "codegen" / "envoy" / "descriptors.binpb"
# A FileDescriptorProto begins with its name, then has its package.
START = re.compile(rb"\x0a([\x05-\x7f])((?:envoy|xds|google/rpc)/[a-z0-9_/]+\.proto)\x12")
REPEATED = (3, 10, 11)


def end_of_message(content, start):
    """Where fields stop to come in the order in which protoc writes them."""
    position, last = start, 0
    while True:
        tag, after = _DecodeVarint(content, position)
        number, wire_type = tag >> 3, tag & 7
        if not 1 <= number <= 14 or (number == 1 and position != start) or (number < last and number not in REPEATED):
            return position
        if wire_type == 2:
            length, after = _DecodeVarint(content, after)
            after += length
        elif wire_type == 0:
            _, after = _DecodeVarint(content, after)
        else:
            return position
        last, position = max(last, number), after


def files_in(program):
    content = pathlib.Path(program).read_bytes()
    for match in START.finditer(content):
        if match.group(1)[0] != len(match.group(2)):
            continue
        try:
            yield descriptor_pb2.FileDescriptorProto.FromString(content[match.start() : end_of_message(content, match.start())])
        except Exception:  # Other bytes that look like the beginning of one.
            continue


def names_in(files):
    names = set()

    def add_enum(prefix, enum):
        names.update(f"{prefix}.{enum.name}.{value.name}" for value in enum.value)

    def add_message(prefix, message):
        name = f"{prefix}.{message.name}"
        names.update(f"{name}.{field.name}" for field in message.field)
        for nested in message.nested_type:
            add_message(name, nested)
        for enum in message.enum_type:
            add_enum(name, enum)

    for file in files:
        for message in file.message_type:
            add_message(file.package, message)
        for enum in file.enum_type:
            add_enum(file.package, enum)
    return names


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    programs = [argument.split("=", 1) for argument in arguments]
    known = [(version, names_in(files_in(program))) for version, program in programs]
    generated = names_in(descriptor_pb2.FileDescriptorSet.FromString(GENERATED.read_bytes()).file)
    for name in sorted(generated - known[0][1]):
        first = next((version for version, names in known if name in names), None)
        if first is not None:
            print(first, name)


main(sys.argv[1:])
