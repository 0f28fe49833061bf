# %% [markdown]
# # 10. The kernel that counts bits
#
# Back to the gate of [chapter 1](01_neuron.py). On signs, a product is an XNOR; a sum of products asks in how many
# places two rows of bits agree. Write $+1$ as bit 0 and $-1$ as bit 1. Two rows of $n$ signs that differ in $d$
# places have the product $n - 2d$, and $d$ is the number of ones in their XOR:
#
# $$ a \cdot w = n - 2\, \operatorname{popcount}(a \oplus w) $$

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch

import xnorkit as xk
from xnorkit import draw
from xnorkit.bench.peers.table import PEERS
from xnorkit.bench.race import race
from xnorkit.bench.works import WORKS
from xnorkit.reference import binary, bits
from xnorkit.reference.conventions import sign
from xnorkit.runtime.cpu import isa
from xnorkit.train.data.datasets import load

rng = np.random.default_rng(0)
a, w = sign(rng.standard_normal(19)), sign(rng.standard_normal(19))
differ = bits.popcount(bits.pack(a) ^ bits.pack(w))
print(f"{len(a)} signs in {bits.pack(a).size} bytes; they differ in {differ} places: {len(a)} - 2 * {differ} = {a @ w}")

assert a @ w == len(a) - 2 * differ == (a == w).sum() - (a != w).sum()
draw.packed_row(a, title="19 signs as 3 bytes")

# %% [markdown]
# The tail, past the last sign, is 0 in both rows: it never differs and never counts. So rows of any length fit whole
# bytes, and $n$ is the true length. One instruction of the CPU does this for 64 signs at a time, or, in wider
# registers, for more.
#
# ## A convolution of bits
# By meaning, with numbers that are $\pm 1$, and by bits: equal, not close. Integers leave no room for anything else.

# %%
x, f = sign(rng.standard_normal((2, 9, 9, 70))), sign(rng.standard_normal((8, 3, 3, 70)))
by_meaning = binary.bconv2d(x, f, padding=(1, 1, 1, 1))
by_bits = binary.bconv2d_bits(bits.pack(x), bits.pack(f), channels=70, padding=(1, 1, 1, 1))
print(f"{by_meaning.size:,} sums of up to {9 * 70} products, all equal: {np.array_equal(by_meaning, by_bits)}")

assert np.array_equal(by_meaning, by_bits)

# %% [markdown]
# ## From a trained net to one file
# Train the net of [chapter 9](09_xnor_net.py) once more, a little shorter, and pack it. Batch normalization followed
# by a sign is one comparison ([chapter 6](06_convolution.py)); the sums are integers, so it becomes a comparison of
# integers, derived from the training expression itself. `verify` then compares both nets on real pictures.

# %%
digits = load("digits", "test")
with tempfile.TemporaryDirectory() as folder:
    sizes = {}
    trained = {}
    for method in ("fp32", "xnor"):
        run = Path(folder) / method
        trained[method] = xk.train(
            "digits-xnor", out=run, overrides=["train.epochs=4", f"model.method={method}"], device="cpu",
            progress="none", tensorboard=False,
        )  # fmt: skip
        sizes[f"{method}, trained"] = (run / "best" / "model.safetensors").stat().st_size
    model = trained["xnor"].model.eval()
    file = Path(folder) / "digits.xnor.safetensors"
    report = xk.export(model, torch.zeros(1, 1, 28, 28), file)
    parity = xk.verify(model, file, digits.images)
    net = xk.load(file)
    sizes["xnor, packed"] = report.file_bytes

for row in report.layers:
    print(f"{row.name:8} {'one bit a weight' if row.packed else row.why}")
predicted = net(digits.images).reshape(len(digits.labels), -1).argmax(1)
print(f"predictions that differ: {parity.mismatches} of {parity.n}; logits differ by {parity.logits_max_abs_diff}")
print(f"right: {100 * (predicted == digits.labels).mean():.2f} %, without torch")

assert parity.ok and parity.mismatches == 0 and parity.logits_max_abs_diff == 0
assert (predicted == digits.labels).mean() == trained["xnor"].test.top1 > 0.9

# %% [markdown]
# ## "32 times smaller"
# One bit in place of a float of 32. It holds for the weights of binary layers; whole files hold more than those.

# %%
ratio = sizes["fp32, trained"] / sizes["xnor, packed"]
binary_layers = [m for m in model.modules() if isinstance(m, (xk.nn.BinaryConv2d, xk.nn.BinaryLinear))]
weights = sum(layer.weight.numel() for layer in binary_layers)
print(f"binary weights: {weights:,}, {4 * weights:,} bytes as floats, {weights // 8:,} as bits")
print(f"whole files: {ratio:.1f} times smaller")

assert 20 < ratio < 32
draw.bars(sizes, unit="bytes on disk (logarithmic)", log=True, title="the same net in three files")

# %% [markdown]
# :::{admonition} Correction
# :class: warning
# The paper's figure 4 shows twice that saving. It compares a bit with floats of 64 bits, and counts every layer as
# binary, though the first and the last are not. Ask of any ratio what stands on its other side.
# :::
#
# ## "58 times faster"
# The paper counts operations. A convolution of $c$ channels and $N_W$ places in the filter takes $c N_W$ products for
# each answer; 64 of them fit one instruction on bits, and one multiplication remains, with $K \alpha$:
#
# $$ S = \frac{64\, c\, N_W}{c\, N_W + 64} $$


# %%
def speedup(channels: np.ndarray | int, places: int) -> np.ndarray:
    """The paper's S."""
    return 64 * channels * places / (channels * places + 64)


measured_by_paper = 58
print(f"256 channels, 3 x 3: {speedup(256, 9):.1f} in theory; the paper measured {measured_by_paper}")
print(f"a first layer, 3 channels, 3 x 3: {speedup(3, 9):.1f}; with 1 x 1: {speedup(3, 1):.1f}")

assert measured_by_paper < speedup(256, 9) < 64 and speedup(3, 1) < 3
channels = 2 ** np.arange(0, 11)
draw.curves(
    channels,
    {"S, times fewer operations": {f"{n} x {n}": speedup(channels, n * n) for n in (1, 3, 5)}},
    x_label="channels",
    title="why thin layers stay wide",
)

# %% [markdown]
# That is a count, not a time. What was it compared with? With floats that are multiplied one by one. A float
# convolution of today does many at once, in wide registers and with blocking for the caches; then the same bits win
# less. Here is that layer on the machine that built this page, one thread: our kernel, PyTorch's float convolution,
# and the loop of the textbook, each answer checked first.

# %%
chosen = {f"xnorkit {isa()}": "binary", "torch": "float", "textbook C loop": "float, one by one"}
rows = race(WORKS["conv3x3_256x14"], [peer for peer in PEERS if peer.system in chosen], rounds=5)
times = {row.system: row.min_ms for row in rows if row.verified}
ours = times[f"xnorkit {isa()}"]
for system, ms in times.items():
    print(f"{system:18} {ms:8.3f} ms, {ms / ours:6.1f} times ours")

assert len(times) == len(chosen) and times["torch"] > 2 * ours and times["textbook C loop"] > 2 * times["torch"]
draw.bars(
    times,
    unit="ms (logarithmic)",
    log=True,
    groups=[chosen[s] for s in times],
    title="3 x 3, 256 channels, 14 x 14 pixels",
)

# %% [markdown]
# Neither number is 58: the loop loses by far more than the good float kernel. Both ratios are true, on this machine;
# a ratio needs two names. [The bench](../bench.md) names many.
#
# Here the line that began in 1943 ends, for now: a neuron that counts, in bits, with weights that it learned. Your
# own net takes the same way: [from your CNN to one packed file](../guide.md).
#
# ```{admonition} Sources
# :class: seealso
# M. Rastegari and others, [XNOR-Net](https://arxiv.org/abs/1603.05279), 2016, section 4.1; M. Courbariaux and others,
# [Binarized neural networks](https://arxiv.org/abs/1602.02830), 2016. In the library: {doc}`xnorkit.reference.bits
# and binary </api/reference>`, [the file, byte by byte](../format.md).
# ```
