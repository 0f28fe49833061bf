"""One literal file for every reason in FORMAT_REASONS: the header as it stands on disk, and the data after it."""

from __future__ import annotations

HASH = "0" * 64
META = b'"__metadata__":{"xnorkit.version":"1","xnorkit.graph":"{}","xnorkit.sha256":"' + HASH.encode() + b'"}'


def framed(header: bytes, data: bytes = b"", align: bool = True) -> bytes:
    """Length field, header, spaces up to the next multiple of 64, data."""
    if align:
        header += b" " * (-(8 + len(header)) % 64)
    return len(header).to_bytes(8, "little") + header + data


def tensor(entry: bytes, data: bytes = b"", name: bytes = b"w") -> bytes:
    """A file with one tensor entry behind valid metadata."""
    return framed(b"{" + META + b',"' + name + b'":' + entry + b"}", data)


def pair(first: bytes, second: bytes, data: bytes, names: tuple[bytes, bytes] = (b"a", b"b")) -> bytes:
    entries = b",".join(b'"' + name + b'":' + entry for name, entry in zip(names, (first, second), strict=True))
    return framed(b"{" + META + b"," + entries + b"}", data)


MANY = b"{" + META + b"".join(b',"t%d":0' % i for i in range(4097)) + b"}"

CASES: dict[str, bytes] = {
    "truncated": b"\x10\0\0\0\0\0\0",
    "header_too_large": b"\x01\0\x10\0\0\0\0\0{}",
    "header_start": framed(b" {}"),
    "bad_encoding": framed(b'{"__metadata__":{"a":"\xff"}}'),
    "too_deep": framed(b'{"a":' + b"[" * 9 + b"]" * 9 + b"}"),
    "bad_json": framed(b'{"a":1,}'),
    "bad_number": framed(b'{"a":NaN}'),
    "duplicate_key": framed(b'{"a":{},"a":{}}'),
    "not_xnorkit": framed(b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"\0"),
    "metadata_not_text": framed(b'{"__metadata__":{"xnorkit.version":1}}'),
    "bad_version": framed(b'{"__metadata__":{"xnorkit.version":"01"}}'),
    "newer_version": framed(b'{"__metadata__":{"xnorkit.version":"3","what":"ever"},"w":{"dtype":"B1"}}'),
    "missing_field": framed(b'{"__metadata__":{"xnorkit.version":"1","xnorkit.graph":"{}"}}'),
    "unknown_field": tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[1]}', b"\0"),
    "bad_hash": framed(b'{"__metadata__":{"xnorkit.version":"1","xnorkit.graph":"{}","xnorkit.sha256":"0"}}'),
    "bad_name": tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0", name=b"../w"),
    "too_many_tensors": framed(MANY),
    "bad_entry": tensor(b'{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}', b"\0"),
    "bad_dtype": tensor(b'{"dtype":"F64","shape":[1],"data_offsets":[0,8]}', b"\0" * 8),
    "rank": tensor(b'{"dtype":"U8","shape":[1,1,1,1,1,1,1],"data_offsets":[0,1]}', b"\0"),
    "zero_size": tensor(b'{"dtype":"U8","shape":[4,0],"data_offsets":[0,0]}'),
    "too_large": tensor(b'{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}'),
    "size_mismatch": tensor(b'{"dtype":"F32","shape":[2],"data_offsets":[0,4]}', b"\0" * 4),
    "overlap": pair(b'{"dtype":"U8","shape":[64],"data_offsets":[0,64]}',
                    b'{"dtype":"U8","shape":[64],"data_offsets":[0,64]}', b"\0" * 64),
    "hole": pair(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
                 b'{"dtype":"U8","shape":[1],"data_offsets":[64,65]}', b"\0" * 65),
    "misaligned": pair(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
                       b'{"dtype":"U8","shape":[1],"data_offsets":[1,2]}', b"\0" * 2),
    "bad_pad": pair(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',
                    b'{"dtype":"U8","shape":[63],"data_offsets":[1,64]}', b"\0" * 64, (b"a", b"__pad__0")),
    "trailing_bytes": tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0\0"),
    "hash_mismatch": tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0"),
}  # fmt: skip
"""Reason -> bytes. ``unreadable`` and ``over_budget`` are about the way in, not about bytes; test_validate has them."""

MORE: list[tuple[str, bytes]] = [
    ("truncated", b""),
    ("truncated", b"\xff" * 7),
    ("truncated", framed(b'{"a":{}}')[:12]),
    ("truncated", framed(b"{" + META + b"}")[:-1]),
    ("truncated", tensor(b'{"dtype":"U8","shape":[64],"data_offsets":[0,64]}', b"\0" * 63)),
    ("header_too_large", b"\xff" * 8 + b"{}"),
    ("header_too_large", b"\0\0\0\0\0\0\0\x80{}"),
    ("header_start", b"\0" * 8),
    ("header_start", framed(b"[]")),
    ("header_start", framed(b"\xef\xbb\xbf{}")),
    ("bad_encoding", framed(b'{"__metadata__":{"a":"\\ud800"}}')),
    ("bad_encoding", framed(b'{"\\udfff":{}}')),
    ("bad_encoding", framed(b'{"a":"\xc0\xaf"}')),
    ("too_deep", framed(b'{"a":' + b"[" * 100_000)),
    ("too_deep", framed(b'{"a":' * 100_000)),
    ("bad_json", framed(b"{")),
    ("bad_json", framed(b"{}{}")),
    ("bad_json", framed(b"{}\0")),
    ("bad_json", framed(b"{'a':1}")),
    ("bad_json", framed(b'{"a":"\x01"}')),
    ("bad_json", framed(b'{"a":"' + b"[" * 1000)),
    ("bad_json", framed(b'{"a":"' + b'\\"' * 400_000)),
    ("bad_json", framed(b'{"a":tru}')),
    ("bad_json", framed(b'{"a":+1}')),
    ("bad_json", framed(b'{"a":01}')),
    ("bad_number", framed(b'{"a":Infinity}')),
    ("bad_number", framed(b'{"a":-Infinity}')),
    ("bad_number", framed(b'{"a":10.0}')),
    ("bad_number", framed(b'{"a":1e3}')),
    ("bad_number", framed(b'{"a":-0}')),
    ("bad_number", framed(b'{"a":9007199254740993}')),
    ("bad_number", framed(b'{"a":' + b"9" * 5000 + b"}")),
    ("duplicate_key", framed(b'{"__metadata__":{"a":"1","a":"1"}}')),
    ("duplicate_key", framed(b'{"__metadata__":{},"__metadata__":{}}')),
    ("duplicate_key", tensor(b'{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0")),
    ("not_xnorkit", framed(b"{}")),
    ("not_xnorkit", framed(b'{"__metadata__":{"format":"pt"}}')),
    ("not_xnorkit", framed(b'{"__metadata__":null}')),
    ("metadata_not_text", framed(b'{"__metadata__":[]}')),
    ("metadata_not_text", framed(b'{"__metadata__":{"xnorkit.version":"1","meta.x":{}}}')),
    ("bad_version", framed(b'{"__metadata__":{"xnorkit.version":"0"}}')),
    ("bad_version", framed(b'{"__metadata__":{"xnorkit.version":"-1"}}')),
    ("bad_version", framed(b'{"__metadata__":{"xnorkit.version":"1.0"}}')),
    ("bad_version", framed('{"__metadata__":{"xnorkit.version":"²"}}'.encode())),
    ("bad_version", framed(b'{"__metadata__":{"xnorkit.version":"' + b"9" * 5000 + b'"}}')),
    ("newer_version", framed(b'{"__metadata__":{"xnorkit.version":"999999999"}}')),
    ("unknown_field", framed(b"{" + META[:-1] + b',"format":"pt"}}')),
    ("missing_field", tensor(b'{"dtype":"U8","shape":[1]}', b"\0")),
    ("missing_field", tensor(b"{}")),
    ("bad_hash", framed(b"{" + META.replace(b'"0000', b'"000G') + b"}")),
    ("bad_name", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0", name=b"")),
    ("bad_name", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0", name=b"n" * 193)),
    ("bad_name", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0", name=b"w\\n")),
    ("bad_entry", tensor(b"[]")),
    ("bad_entry", tensor(b"null")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":1,"data_offsets":[0,1]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":[true],"data_offsets":[0,1]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[1,0]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}', b"\0")),
    ("bad_entry", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}', b"\0")),
    ("bad_dtype", tensor(b'{"dtype":8,"shape":[1],"data_offsets":[0,1]}', b"\0")),
    ("bad_dtype", tensor(b'{"dtype":["U8"],"shape":[1],"data_offsets":[0,1]}', b"\0")),
    ("bad_dtype", tensor(b'{"dtype":"u8","shape":[1],"data_offsets":[0,1]}', b"\0")),
    ("rank", tensor(b'{"dtype":"U8","shape":[],"data_offsets":[0,1]}', b"\0")),
    ("too_large", tensor(b'{"dtype":"U8","shape":[9007199254740992,2048],"data_offsets":[0,0]}')),
    ("too_large", tensor(b'{"dtype":"F32","shape":[4611686018427388],"data_offsets":[0,0]}')),
    ("size_mismatch", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[0,9007199254740991]}', b"\0")),
    ("misaligned", framed(b"{" + META + b"}", align=False)),
    ("hole", tensor(b'{"dtype":"U8","shape":[1],"data_offsets":[64,65]}', b"\0" * 65)),
    ("bad_pad", pair(b'{"dtype":"I8","shape":[63],"data_offsets":[1,64]}',
                     b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}', b"\0" * 64, (b"__pad__0", b"a"))),
    ("bad_pad", tensor(b'{"dtype":"U8","shape":[64],"data_offsets":[0,64]}', b"\0" * 64, name=b"__pad__0")),
    ("bad_pad", framed(b"{" + META + b',"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                       b'"__pad__0":{"dtype":"I8","shape":[63],"data_offsets":[1,64]},'
                       b'"b":{"dtype":"U8","shape":[1],"data_offsets":[64,65]}}', b"\0" * 65)),
    ("bad_pad", pair(b'{"dtype":"U8","shape":[64],"data_offsets":[0,64]}',
                     b'{"dtype":"U8","shape":[1],"data_offsets":[64,65]}', b"\0" * 65, (b"__pad__0", b"a"))),
    ("trailing_bytes", framed(b"{" + META + b"}", b"\0")),
    ("hash_mismatch", framed(b"{" + META + b"}")),
]  # fmt: skip
"""More ways to earn the same reasons."""
