"""The table of peers: every row is whole, and what is installed answers tiny layers rightly."""

from __future__ import annotations

import pytest

from xnorkit.bench.case import Case
from xnorkit.bench.peers.contract import Peer
from xnorkit.bench.peers.table import PEERS
from xnorkit.bench.works import Work, conv, dense
from xnorkit.errors import BenchError

TINY = (conv(3, 64, 5), conv(3, 64, 6, stride=2), conv(1, 64, 4), dense(1, 64, 32), dense(3, 64, 64))
ENTRANTS = [(peer, work) for peer in PEERS for work in TINY if peer.works(work)]


def test_names_are_unique_and_every_row_says_how_to_install_it() -> None:
    assert len({peer.system for peer in PEERS}) == len(PEERS)
    assert all(peer.install and peer.kind in ("binary", "int8", "fp32", "textbook") for peer in PEERS)
    assert all(peer.version() for peer in PEERS if peer.installed)


@pytest.mark.parametrize(("peer", "work"), ENTRANTS, ids=lambda v: getattr(v, "system", None) or v.name)
def test_an_installed_peer_is_right_and_knows_when_it_is_wrong(peer: Peer, work: Work) -> None:
    if not peer.installed:
        pytest.skip(f"not installed: {peer.install}")
    case = Case(work, seed=3)
    runner = peer.prepare(case, 1)
    runner.check(case)
    assert runner.answer().shape == case.sums.shape
    assert 0 < runner.seconds() < 10
    with pytest.raises(BenchError):
        runner.check(Case(work, seed=4))
