"""A line of a comparison: a scheme, what it is called, and what of the recipe is its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import RecipeError
from ..nn.schemes import find_scheme

SET_BY_COMPARISON = {"seed": "choose with --seeds", "model.method": "choose with --schemes", "name": ""}
"""Recipe keys that no override may set, and the hint."""


@dataclass(frozen=True)
class Entry:
    """scheme: as ``find_scheme`` reads it, without blanks. label: what tables call it; empty: after the scheme.

    overrides: ``key=value`` texts for its recipe, which win over those for all.
    """

    scheme: str
    label: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it apart: its label, or its scheme."""
        return self.label or self.scheme

    @property
    def shown(self) -> str:
        """What a person reads.

        >>> Entry("xnor[kmap=true,order=cbap,weight.gradient=paper]").shown
        'xnor, kmap, order cbap, weight gradient paper'
        """
        return self.label or readable(self.scheme)


def readable(scheme: str) -> str:
    """A scheme's text in words.

    >>> readable("bnn"), readable("xnor[kmap=false]")
    ('bnn', 'xnor, no kmap')
    """
    name, _, options = scheme.rstrip("]").partition("[")
    words = [name]
    for option in filter(None, options.split(",")):
        key, _, value = option.partition("=")
        key = key.replace(".", " ")
        words.append({"true": key, "false": f"no {key}"}.get(value, f"{key} {value}"))
    return ", ".join(words)


def read_entry(text: str) -> Entry:
    """``SCHEME`` or ``LABEL=SCHEME``. Raises RangeError for an unknown scheme.

    >>> read_entry("C-B-A-P = xnor[order=cbap]")
    Entry(scheme='xnor[order=cbap]', label='C-B-A-P', overrides=())
    """
    head, bracket, tail = text.partition("[")
    label, equals, scheme = head.rpartition("=")
    spec = "".join(((scheme if equals else head) + bracket + tail).split())
    find_scheme(spec)
    return Entry(spec, label.strip())


def with_own(entries: Iterable[Entry], own: Mapping[str, Sequence[str]]) -> list[Entry]:
    """The entries with overrides of their own: by key, or, where that is no key, all of that scheme.

    Raises RecipeError for a name that no entry has, or a key the comparison sets itself.

    >>> with_own([Entry("fp32"), Entry("bop")], {"bop": ["optim.binary.lr=1e-3"]})[1].overrides
    ('optim.binary.lr=1e-3',)
    """
    found = list(entries)
    for name, texts in own.items():
        check_overrides(texts)
        plain = "".join(name.split())
        hits = [i for i, entry in enumerate(found) if entry.key in (name.strip(), plain)]
        hits = hits or [i for i, entry in enumerate(found) if entry.scheme == plain]
        if not hits:
            raise RecipeError("--for", "no such entry", got=name, expected=", ".join(entry.key for entry in found))
        for i in hits:
            found[i] = replace(found[i], overrides=(*found[i].overrides, *texts))
    return found


def check_overrides(texts: Iterable[str]) -> None:
    """Raises RecipeError for a key that the comparison sets for each run."""
    for text in texts:
        key = text.partition("=")[0].strip()
        if key in SET_BY_COMPARISON:
            raise RecipeError(key, "is set for each run by the comparison", got=text, hint=SET_BY_COMPARISON[key])


def distinct(entries: Iterable[Entry]) -> list[Entry]:
    """Each once, in order. Raises RecipeError for two different ones of the same name or the same file name."""
    found = list(dict.fromkeys(entries))
    keys = [entry.key for entry in found]
    twice = [key for key in keys if keys.count(key) > 1]
    if twice:
        raise RecipeError("compare", "two schemes have the same name", got=twice[0], expected="labels: LABEL=SCHEME")
    if len({slug(key) for key in keys}) < len(keys):
        raise RecipeError("compare", "two schemes have the same file name", got=", ".join(keys))
    return found


def slug(key: str) -> str:
    """An entry's key as part of a file name.

    >>> slug("xnor[kmap=true]"), slug("dorefa[weight.bits=1,activation.bits=2]")
    ('xnor-kmap=true', 'dorefa-weight.bits=1-activation.bits=2')
    """
    return re.sub(r"[^\w.=-]", "_", re.sub(r"[\[,]", "-", key.replace("]", "")))
