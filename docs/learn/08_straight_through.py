# %% [markdown]
# # 8. The sign, and a gradient where there is none
#
# A number in a network takes 32 bits. Keep one: its sign.
#
# $$ q = \operatorname{sign}(r) = \begin{cases} +1 & r \ge 0 \\ -1 & r < 0 \end{cases} $$
#
# Going forward that is easy. Going backward it is a disaster: the slope of the sign is 0 wherever it has one, so
# every gradient behind it is 0 and nothing learns.

# %%
import numpy as np
import torch

import xnorkit as xk
from xnorkit import draw
from xnorkit.reference.conventions import sign
from xnorkit.reference.gradients import pointwise
from xnorkit.train.data.datasets import load

r = torch.tensor([-2.0, -0.5, 0.0, 0.3, 1.5], requires_grad=True)
torch.sign(r).sum().backward()
print("the true gradient of sign:", r.grad.tolist())
print("sign as this library has it:", sign(r.detach().numpy()).tolist())

assert not r.grad.any()
assert sign(np.array([0.0]))[0] == 1 and torch.sign(torch.zeros(1)).item() == 0

# %% [markdown]
# :::{admonition} Correction
# :class: warning
# The survey writes "+1 if $x > 0$"; the paper has $x \ge 0$. Many codes call `torch.sign`, whose answer at 0 is 0: a
# third value, for which a bit has no place. Here zero is +1, everywhere.
# :::
#
# ## Straight through
# So one pretends. Going backward, the sign is taken for something with a slope: the identity where $|r| \le 1$,
# nothing beyond. Where $r$ is already far from 0, pushing it further would change no sign and only make it harder to
# turn back.
#
# $$ \frac{\partial C}{\partial r} = \frac{\partial C}{\partial q}\; 1_{|r| \le 1} $$
#
# :::{admonition} Correction
# :class: warning
# This is where the survey prints "??". XNOR-Net prints $\frac{\partial \operatorname{sign}}{\partial r} = r\, 1_{|r|
# \le 1}$; the leading $r$ is a misprint, and no code has it.
# :::

# %%
r = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.3, 1.0, 1.5], requires_grad=True)
xk.nn.BinaryActivation("sign")(r).sum().backward()
print("straight through:", r.grad.tolist())

law = pointwise.sign(r.detach().numpy(), np.ones(7))
assert r.grad.tolist() == law.tolist() == [0, 1, 1, 1, 1, 1, 0]

# %% [markdown]
# Other windows have been tried. All are lies; they differ in where.


# %%
def through(quantizer: torch.nn.Module):
    """What reaches x when 1 arrives at the quantizer's output."""

    def gradient(x: np.ndarray) -> np.ndarray:
        point = torch.tensor(x, requires_grad=True)
        quantizer(point).sum().backward()
        return point.grad.numpy()

    return gradient


draw.windows(
    {
        "|x| <= 1 (BNN)": through(xk.nn.BinaryActivation("sign")),
        "all (identity)": through(xk.nn.BinaryActivation(xk.nn.Sign(clip=None))),
        "|x| <= 0.5": through(xk.nn.BinaryActivation(xk.nn.Sign(clip=0.5))),
    },
    title="sign, and what stands in for its slope",
)

# %% [markdown]
# ## BinaryConnect: two copies of a weight
# One step of learning changes a weight by a little; a sign changes by 2 or not at all. If the net kept only signs, no
# step would ever be large enough. So training keeps the real number behind each sign (the latent weight), uses the
# sign forward and backward, and lets the small steps add up in the real number. One day it crosses zero, and the sign
# turns.
#
# $$
# \text{forward and backward with } \operatorname{sign}(W); \qquad
# W \leftarrow \operatorname{clip}\!\Big(W - \eta\, \frac{\partial C}{\partial \operatorname{sign}(W)},\, -1,\, 1\Big)
# $$
#
# The clip keeps a weight from running so far away that it could never come back. After training the real numbers are
# thrown away.

# %%
digits, unseen = load("digits", "train"), load("digits", "test")


def tensors(split) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures ``(N, 1, 28, 28)`` of 0..255 and labels."""
    return torch.from_numpy(split.images.transpose(0, 3, 1, 2).copy()).float(), torch.from_numpy(split.labels).long()


def teach(model: torch.nn.Module, watched: int = 6, epochs: int = 4) -> tuple[np.ndarray, np.ndarray, float]:
    """Latent weights watched at every step, signs of the hidden layer before and after differ where?, accuracy."""
    torch.manual_seed(0)
    (x, y), (held_x, held_y) = tensors(digits), tensors(unseen)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    before, seen = model.fc2.weight.detach().clone(), []
    for _ in range(epochs):
        model.train()
        for chosen in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            optimizer.step()
            xk.nn.clip_weights_(model)
            seen.append(model.fc2.weight.detach()[0, :watched].clone().numpy())
    model.eval()
    with torch.inference_mode():
        right = (model(held_x).argmax(1) == held_y).float().mean().item()
    turned = sign(before.numpy()) != sign(model.fc2.weight.detach().numpy())
    return np.array(seen), turned, right


torch.manual_seed(0)
bnn = xk.create_model("lenet_300_100", method="bnn", num_classes=10, in_chans=1)
watched, turned, right = teach(bnn)
print(f"BNN, straight through: {100 * right:.1f} % right, {turned.sum():,} of {turned.size:,} signs turned")

assert right > 0.85 and turned.any() and np.abs(watched).max() <= 1
steps = np.arange(1, len(watched) + 1)
draw.curves(
    steps,
    {"latent weight": {f"weight {i}": watched[:, i] for i in range(watched.shape[1])}},
    x_label="step",
    title="where a line crosses 0, a sign turns",
)

# %% [markdown]
# And with the true gradient, a window that lets nothing through? The layers behind the signs hear nothing: not one
# sign turns, and the net gets by on what its last layer makes of random features.

# %%
torch.manual_seed(0)
closed = 1e-12
deaf = xk.create_model(
    "lenet_300_100", method="bnn", num_classes=10, in_chans=1,
    weight=xk.nn.SignWeight(clip=closed), activation=xk.nn.Sign(clip=closed),
)  # fmt: skip
_, deaf_turned, deaf_right = teach(deaf)
print(
    f"true gradient:         {100 * deaf_right:.1f} % right, {deaf_turned.sum():,} of {deaf_turned.size:,} signs turned"
)

assert not deaf_turned.any() and deaf_right < right

# %% [markdown]
# ```{admonition} Sources
# :class: seealso
# M. Courbariaux, Y. Bengio, J.-P. David, [BinaryConnect](https://arxiv.org/abs/1511.00363), 2015; M. Courbariaux and
# others, [Binarized neural networks](https://arxiv.org/abs/1602.02830), 2016; Y. Bengio, N. Léonard, A. Courville,
# [Estimating or propagating gradients through stochastic neurons](https://arxiv.org/abs/1308.3432), 2013. In the
# library: {doc}`xnorkit.nn </api/nn>`.
# ```
#
# Next: [XNOR-Net](09_xnor_net.py).
