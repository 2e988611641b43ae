"""Writes Envoy's API as a FileDescriptorSet.

The PyPI package xds-protos holds generated Python modules only; each knows its file's descriptor. The modules that declare
the types asked for are imported, and their files are written with all that they import, dependencies first.

Usage: descriptors.py TYPES OUTPUT    (TYPES: one full message name per line; `#` starts a comment)
"""

import importlib
import pkgutil
import re
import sys

from google.protobuf import descriptor_pb2, descriptor_pool

# Files that hold nothing but custom options (validation rules, versioning notes): no message refers to them.
ANNOTATIONS = re.compile(r"^(validate/|udpa/annotations/|xds/annotations/|envoy/annotations/|google/protobuf/descriptor)")


def strip_annotations(file):
    """Removes custom options and the imports that only they need: half of the input, and none of the output."""
    kept = [name for name in file.dependency if not ANNOTATIONS.match(name)]
    del file.dependency[:]
    file.dependency.extend(kept)
    del file.public_dependency[:]
    del file.weak_dependency[:]

    def strip(message):
        for field, value in message.ListFields():
            if field.name == "options":
                for option, _ in value.ListFields():
                    if option.is_extension:
                        value.ClearExtension(option)
                value.DiscardUnknownFields()
            elif field.message_type is not None:
                for item in value if field.is_repeated else [value]:
                    strip(item)

    strip(file)


def modules_of(package):
    """Imports every generated module directly below a protobuf package's folder, if there is such a folder."""
    try:
        folder = importlib.import_module(package)
    except ModuleNotFoundError:
        return
    for found in pkgutil.iter_modules(folder.__path__):
        if found.name.endswith("_pb2"):
            importlib.import_module(f"{package}.{found.name}")


def main(types_path, output_path):
    with open(types_path, encoding="utf-8") as source:
        names = [name for line in source if (name := re.sub(r"#.*", "", line).strip())]

    pool = descriptor_pool.Default()
    files = {}

    def add(file):
        if file.name in files or ANNOTATIONS.match(file.name):
            return
        for dependency in file.dependencies:
            add(dependency)
        files[file.name] = file

    for name in names:
        package = name.rsplit(".", 1)[0]
        modules_of(package)
        try:
            add(pool.FindFileContainingSymbol(name))
        except KeyError:
            sys.exit(f"{types_path}: no type {name} in xds-protos: check its name, or the package's version")

    result = descriptor_pb2.FileDescriptorSet()
    for file in files.values():
        copy = result.file.add()
        file.CopyToProto(copy)
        strip_annotations(copy)
    with open(output_path, "wb") as output:
        output.write(result.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
