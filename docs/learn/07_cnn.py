# %% [markdown]
# # 7. A whole network, trained in PyTorch
#
# The parts are there; now the work goes to PyTorch, whose autograd is the backpropagation of [chapter
# 4](04_backpropagation.py) for any net. This is LeNet-5 as most people build it today: two convolutions, each
# followed by pooling, and two dense layers.

# %%
import tempfile
from pathlib import Path

import numpy as np
import torch

import xnorkit as xk
from xnorkit import draw
from xnorkit.reference.gradients import linear as linear_back
from xnorkit.train.data.datasets import load

lenet = xk.create_model("lenet5", method="fp32", num_classes=10, in_chans=1)
x = torch.zeros(1, 1, 28, 28)
for name, layer in lenet.named_children():
    x = layer(x)
    parameters = sum(p.numel() for p in layer.parameters())
    print(f"{name:8} {'x'.join(map(str, x.shape[1:])):10} {parameters:>8,} parameters")

total = sum(p.numel() for p in lenet.parameters())
dense = sum(p.numel() for name, p in lenet.named_parameters() if name.startswith("fc"))
print(f"{total:,} parameters, {100 * dense / total:.0f} % of them in the dense layers")

assert dense > 0.9 * total

# %% [markdown]
# ## The same law
# PyTorch keeps channels before rows and columns, `(N, C, H, W)`; this library's arrays have them last, `(N, H, W,
# C)`. Apart from that, the gradient of a convolution is the one of [chapter 6](06_convolution.py):

# %%
rng = np.random.default_rng(0)
image, filters = rng.standard_normal((2, 9, 9, 3)), rng.standard_normal((4, 3, 3, 3))
image_t = torch.tensor(image.transpose(0, 3, 1, 2), requires_grad=True)
filters_t = torch.tensor(filters.transpose(0, 3, 1, 2), requires_grad=True)
out = torch.nn.functional.conv2d(image_t, filters_t, stride=2, padding=1)
towards = torch.tensor(rng.standard_normal(out.shape))
out.backward(towards)
d_image, d_filters = linear_back.conv2d(
    image, filters, towards.numpy().transpose(0, 2, 3, 1), stride=(2, 2), padding=(1, 1, 1, 1)
)
distance = max(
    np.abs(d_image - image_t.grad.numpy().transpose(0, 2, 3, 1)).max(),
    np.abs(d_filters - filters_t.grad.numpy().transpose(0, 2, 3, 1)).max(),
)
print(f"largest difference between our gradient and autograd's: {distance:.1e}")

assert distance < 1e-12

# %% [markdown]
# ## Training
# A recipe says everything: data, net, optimizer, schedule, length, seed. This one is shipped, and trains on the
# digits that come with scikit-learn, enlarged to 28 x 28. The optimizer is Adam, the learning rate falls along a
# cosine.

# %%
digits = load("digits", "test")
with tempfile.TemporaryDirectory() as folder:
    result = xk.train(
        "digits-fp32", out=Path(folder) / "run", overrides=["train.epochs=8"], device="cpu", progress="none",
        tensorboard=False,
    )  # fmt: skip
history = result.history
print(f"{len(digits.labels)} digits it has not seen: {100 * result.test.top1:.2f} % right")

assert result.test.top1 > 0.95
draw.curves(
    [row["epoch"] for row in history],
    {
        "cross entropy": {"train": [r["train_loss"] for r in history], "not seen": [r["eval_loss"] for r in history]},
        "share right": {"train": [r["train_top1"] for r in history], "not seen": [r["eval_top1"] for r in history]},
    },
    x_label="epoch",
    title="LeNet-5 on digits",
)

# %% [markdown]
# ## What it sees
# The first layer's answers to one digit. Some filters found edges, some strokes; nobody told them to.

# %%
model = result.model.eval()
digit = torch.from_numpy(digits.images[:1].transpose(0, 3, 1, 2).copy()).float()
with torch.inference_mode():
    seen = model.conv1(model.pixels(digit))[0].numpy()
    answer = model(digit)[0]
print(f"true class {digits.labels[0]}, answer {int(answer.argmax())}")

assert seen.shape == (20, 24, 24)
draw.maps(seen[:12], signed=True, title="twelve of the twenty feature maps")

# %% [markdown]
# ## Its mistakes

# %%
with torch.inference_mode():
    pictures = torch.from_numpy(digits.images.transpose(0, 3, 1, 2).copy()).float()
    predicted = model(pictures).argmax(1).numpy()
counts = np.zeros((10, 10), int)
np.add.at(counts, (digits.labels, predicted), 1)
wrong = int(counts.sum() - counts.trace())
print(f"{wrong} of {counts.sum()} wrong")

assert np.isclose(1 - wrong / counts.sum(), result.test.top1)
draw.confusion(counts, digits.classes, "LeNet-5, digits not seen in training")

# %% [markdown]
# Every weight is a number of 32 bits, every answer of a layer too. What if one bit had to do?
#
# ```{admonition} Sources
# :class: seealso
# Y. LeCun and others, [Gradient-based learning applied to document recognition](https://doi.org/10.1109/5.726791),
# 1998; D. Kingma, J. Ba, [Adam](https://arxiv.org/abs/1412.6980), 2014. In the library: {doc}`xnorkit.models
# </api/models>`, {doc}`xnorkit.train </api/train>`.
# ```
#
# Next: [the sign, and a gradient where there is none](08_straight_through.py).
