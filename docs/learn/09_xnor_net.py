# %% [markdown]
# # 9. XNOR-Net
#
# The sign of a filter says where it is positive, not how large it is. XNOR-Net (ECCV 2016) gives each filter one
# number back:
#
# $$
# W \approx \alpha B, \qquad B = \operatorname{sign}(W), \qquad
# \alpha = \frac{1}{n} \sum_i |W_i| = \frac{\lVert W \rVert_1}{n}
# $$
#
# Among all pairs of a factor and a pattern of signs this one is nearest to $W$: $\lVert W - \alpha B \rVert^2 =
# \lVert W \rVert^2 - 2 \alpha\, W \cdot B + n \alpha^2$, where $W \cdot B$ is largest with $B =
# \operatorname{sign}(W)$, and then the parabola in $\alpha$ has its minimum at $W \cdot B / n$.
#
# :::{admonition} Correction
# :class: warning
# The survey files the paper under "CVPR 16"; it is ECCV 2016. It also says that the fully connected layers are
# binary: that holds for all but the last, and the first convolution stays wide too.
# :::

# %%
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import xnorkit as xk
from xnorkit import draw, zoo
from xnorkit.reference import binary, kmap, linear, pooling, scaling
from xnorkit.reference.conventions import sign

rng = np.random.default_rng(0)
filter_ = rng.standard_normal((1, 9))
nearest = np.square(filter_ - scaling.binarize(filter_)).sum()
others = [
    np.square(filter_ - alpha * np.array(signs)).sum()
    for signs in product((-1, 1), repeat=9)
    for alpha in np.linspace(0, 2, 81)
]
print(f"distance of alpha sign(W): {nearest:.4f}; best of {len(others):,} others: {min(others):.4f}")

assert nearest <= min(others)

# %% [markdown]
# ## What the real weights learn
# $\alpha$ depends on every weight of its filter, so the gradient of $\widetilde W = \alpha \operatorname{sign}(W)$
# has two parts: through the sign (straight through), and through $\alpha$.
#
# $$
# \frac{\partial C}{\partial W_i} =
# \underbrace{\frac{\operatorname{sign}(W_i)}{n} \sum_j
#   \frac{\partial C}{\partial \widetilde W_j} \operatorname{sign}(W_j)}_{\text{through } \alpha}
# + \underbrace{\frac{\partial C}{\partial \widetilde W_i}\, \alpha\, 1_{|W_i| \le 1}}_{\text{through the sign}}
# $$
#
# :::{admonition} Correction
# :class: warning
# The paper, and with a "??" the survey, print $\frac{\partial C}{\partial W_i} = \frac{\partial C}{\partial
# \widetilde W_i} \big(\frac{1}{n} + \alpha \frac{\partial \operatorname{sign}}{\partial W_i}\big)$. That drops all
# terms of the sum but $j = i$, and is not the derivative. The library has both, named `exact` (used unless you ask)
# and `paper`.
# :::
#
# Below, the part through $\alpha$ is measured: nudge one weight by a little, signs held, and see how the cost
# changes.

# %%
weights, towards = np.array([[0.5, -0.25, 1.5]]), np.array([[1.0, 2.0, 3.0]])
exact, paper = scaling.gradient(weights, towards), scaling.gradient(weights, towards, form="paper")
print("exact", exact.round(4).tolist(), " paper", paper.round(4).tolist())

h = 1e-6
through_sign = towards * scaling.alpha(weights)[:, None] * (np.abs(weights) <= 1)
for i in range(3):
    nudge = h * np.eye(3)[[i]]
    measured = (scaling.binarize(weights + nudge) - scaling.binarize(weights - nudge)) / (2 * h)
    assert np.isclose((measured * towards).sum() + through_sign[0, i], exact[0, i])
assert np.allclose(exact, [[17 / 12, 5 / 6, 2 / 3]]) and np.allclose(paper, [[13 / 12, 13 / 6, 1]])

for form, expected in (("exact", exact), ("paper", paper)):
    parameter = torch.tensor(weights, dtype=torch.float32, requires_grad=True)
    values, alpha = xk.nn.Xnor(gradient=form)(parameter)
    (values * alpha[:, None] * torch.tensor(towards)).sum().backward()
    assert np.allclose(parameter.grad.numpy(), expected)

# %% [markdown]
# ## The input's size: K
# Inputs become signs too, and lose their sizes. XNOR-Net gives every place of the picture one factor: the mean of
# $|x|$ over the channels, then over the window of the filter.
#
# $$
# A = \frac{1}{C} \sum_c |x_c|, \qquad K = A * k, \quad k_{ij} = \frac{1}{wh}, \qquad
# I * W \approx \big(\operatorname{sign}(I) \circledast \operatorname{sign}(W)\big) \odot K \alpha
# $$
#
# Here is K of a real picture, for a filter of 5 x 5: large where the picture is far from its own mean.

# %%
picture = np.asarray(Image.open(zoo.SAMPLES / "7-sneaker.png").convert("L"), np.float32)
centred = ((picture - picture.mean()) / picture.std())[None, :, :, None]
K = kmap.kmap(centred, (5, 5), padding=(2, 2, 2, 2))

assert K.shape == (1, 28, 28, 1) and K.min() >= 0
assert np.corrcoef(K.ravel(), np.abs(centred).ravel())[0, 1] > 0.5
draw.kmap_over(picture, K[0, :, :, 0], title="a sneaker, and where its convolution is large")

# %% [markdown]
# How good is the approximation? Random filters on ten pictures, the true convolution against signs with $\alpha$, and
# with $K \alpha$:

# %%
filters = rng.standard_normal((16, 5, 5, 1)).astype(np.float32)
alphas = scaling.alpha(filters).astype(np.float32)
likeness = []
for file in sorted(zoo.SAMPLES.glob("*.png")):
    x = np.asarray(Image.open(file).convert("L"), np.float32)
    x = ((x - x.mean()) / x.std())[None, :, :, None]
    true = linear.conv2d(x, filters, padding=(2, 2, 2, 2))
    sums = binary.bconv2d(sign(x), sign(filters), padding=(2, 2, 2, 2))
    with_k = kmap.scale_map(sums, kmap.kmap(x, (5, 5), padding=(2, 2, 2, 2))) * alphas
    likeness.append([np.corrcoef(true.ravel(), found.ravel())[0, 1] for found in (sums * alphas, with_k)])
alone, with_map = np.array(likeness).T
print(f"correlation with the true convolution: alpha alone {alone.mean():.3f}, with K {with_map.mean():.3f}")
print(f"K brings it nearer on {(with_map > alone).sum()} of {len(alone)} pictures")

assert alone.mean() > 0.5 and abs(with_map.mean() - alone.mean()) < 0.15
assert 0 < (with_map > alone).sum() < len(alone)

# %% [markdown]
# Signs alone keep much of it; K changes little, and not always for the better. The paper found it worth less than one
# point of accuracy, and most codes leave it out. Here it is a switch, `BinaryConv2d(..., kmap=True)`.
#
# ## The order of a block
# Networks used to go convolution, normalization, activation, pooling. With signs that is a waste: of four numbers
# that are $\pm 1$ the largest is nearly always $+1$. XNOR-Net normalizes first, takes signs, convolves, and pools the
# sums.

# %%
answers = rng.standard_normal((64, 24, 24, 8)).astype(np.float32)
late = pooling.max_pool2d(sign(answers), (2, 2), (2, 2))
pooled = pooling.max_pool2d(answers, (2, 2), (2, 2))
early = sign(pooled - pooled.mean())
print(f"share of +1: signs pooled {(late > 0).mean():.4f}, pooled and then normalized {(early > 0).mean():.4f}")

assert abs((late > 0).mean() - (1 - 0.5**4)) < 0.01 and abs((early > 0).mean() - 0.5) < 0.1

# %% [markdown]
# ## Trained
# LeNet-5 with XNOR-Net's blocks and its float twin, the same recipe, the same data, the same seed.

# %%
runs = {}
for method in ("xnor", "fp32"):
    with tempfile.TemporaryDirectory() as folder:
        runs[method] = xk.train(
            "digits-xnor", out=Path(folder) / "run", overrides=["train.epochs=6", f"model.method={method}"],
            device="cpu", progress="none", tensorboard=False,
        )  # fmt: skip
    print(f"{method:5} {100 * runs[method].test.top1:.2f} % of {runs[method].test.count} digits right")

assert runs["xnor"].test.top1 > 0.95 and abs(runs["xnor"].test.top1 - runs["fp32"].test.top1) < 0.03
epochs = [row["epoch"] for row in runs["xnor"].history]
draw.curves(
    epochs,
    {
        label: {method: [row[key] for row in run.history] for method, run in runs.items()}
        for key, label in (("eval_loss", "cross entropy, not seen"), ("eval_top1", "share right, not seen"))
    },
    x_label="epoch",
    title="one bit against thirty-two",
)

# %% [markdown]
# The filters of its binary convolution, as they were learned and as they are used. Only the lower row goes into the
# packed file: one bit a weight and one number a filter.

# %%
latent = runs["xnor"].model.conv2.weight.detach().numpy()
alphas = scaling.alpha(latent)
used, factors = xk.nn.Xnor()(runs["xnor"].model.conv2.weight.detach())

assert np.array_equal(used.numpy(), sign(latent)) and np.allclose(factors.numpy(), alphas)
draw.binarized_filters(latent[:6, 0], alphas[:6], title="first input channel of six filters: before, after")

# %% [markdown]
# :::{admonition} Correction
# :class: warning
# For AlexNet the survey gives 56.7 % as the float net's accuracy, from the paper's figure 1; the paper's table 1 says
# 56.6 %.
# :::
#
# ```{admonition} Sources
# :class: seealso
# M. Rastegari, V. Ordonez, J. Redmon, A. Farhadi, [XNOR-Net](https://arxiv.org/abs/1603.05279), 2016, sections 3.1
# and 3.2; the exact gradient: notes of [XNOR-Net-PyTorch](https://github.com/jiecaoyu/XNOR-Net-PyTorch). In the
# library: {doc}`xnorkit.reference.kmap, scaling </api/reference>`, {doc}`xnorkit.nn </api/nn>`.
# ```
#
# Next: [the kernel that counts bits](10_popcount.py).
