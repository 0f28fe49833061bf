# %% [markdown]
# # 6. Convolution, pooling, batch normalization
#
# A dense layer does not know that pixels have neighbours. A convolutional one looks at the picture through a small
# window, with the same few weights wherever it stands:
#
# $$ y_{i,j,o} = \sum_{u,v,c} x_{\,iS+u-P,\; jS+v-P,\; c}\;\, w_{o,u,v,c} + b_o $$
#
# $S$ is the stride, $P$ the padding: pixels outside count as 0. The survey's own example, a picture of four pixels,
# one more on each side, a filter of four weights, two steps at a time:

# %%
import numpy as np
from PIL import Image

from xnorkit import draw, zoo
from xnorkit.errors import ShapeError
from xnorkit.reference import linear, norm, pooling, shapes
from xnorkit.reference.activations import relu
from xnorkit.reference.gradients import linear as linear_back
from xnorkit.reference.gradients import pointwise as pointwise_back
from xnorkit.reference.gradients import pooling as pooling_back

picture = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1)
kernel = np.array([[1, 2], [3, 4]], np.float32).reshape(1, 2, 2, 1)
answer = linear.conv2d(picture, kernel, stride=(2, 2), padding=(1, 1, 1, 1))
print(answer[0, :, :, 0])

assert answer[0, :, :, 0].tolist() == [[4, 6], [6, 4]]

# %% [markdown]
# :::{admonition} Correction
# :class: warning
# What networks call convolution is cross-correlation: the filter is not flipped. The survey's result is right for
# that reading. Mathematicians flip, and get something else:
# :::

# %%
flipped = linear.conv2d(picture, kernel[:, ::-1, ::-1], stride=(2, 2), padding=(1, 1, 1, 1))
print(flipped[0, :, :, 0])

assert flipped.tolist() != answer.tolist()

# %% [markdown]
# ## Sizes
# A picture $W$ wide, a filter $F$ wide, padding $P$ on each side and stride $S$ give
#
# $$ \frac{W - F + 2P}{S} + 1 $$
#
# places. The survey asks that this be whole. PyTorch, and this library's layers, round down and never read the last
# pixels; `exact_output` refuses instead.

# %%
print(shapes.exact_output((32, 32), (5, 5), (1, 1), (2, 2, 2, 2)))
try:
    shapes.exact_output((10, 10), (3, 3), (2, 2), (0, 0, 0, 0))
except ShapeError as error:
    refusal = str(error)
    print(refusal)

assert shapes.exact_output((32, 32), (5, 5), (1, 1), (2, 2, 2, 2)) == (32, 32)
assert shapes.window_output((10, 10), (3, 3), (2, 2), (0, 0, 0, 0), (1, 1)) == (4, 4) and refusal

# %% [markdown]
# ## Few weights, many answers
# Four filters by hand on a real picture: two kinds of edges, an average, a dot.

# %%
boot = np.asarray(Image.open(zoo.SAMPLES / "9-ankle-boot.png").convert("L"), np.float32)[None, :, :, None] / 255
filters = np.array(
    [
        [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
        np.full((3, 3), 1 / 9),
        [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
    ],
    np.float32,
)[..., None]
found = linear.conv2d(boot, filters, padding=(1, 1, 1, 1))
pixels = boot.size
print(f"{filters.size} weights; a dense layer from {pixels} pixels to as many answers: {pixels * found.size:,}")

assert found.shape == (1, 28, 28, 4)
draw.maps(
    np.moveaxis(found[0], -1, 0),
    names=["left-right", "up-down", "average", "dot"],
    signed=True,
    title="four feature maps",
)

# %% [markdown]
# ## Pooling
# Take the largest of each square of four: half the width, half the height, and a small shift changes little. The
# survey's example:

# %%
grid = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]], np.float32).reshape(1, 4, 4, 1)
pooled = pooling.max_pool2d(grid, (2, 2), (2, 2))
print(pooled[0, :, :, 0])

assert pooled[0, :, :, 0].tolist() == [[6, 8], [3, 4]]

# %% [markdown]
# Back through it, the error goes to the pixel that won and to no other:

# %%
back = pooling_back.max_pool2d(grid, np.ones((1, 2, 2, 1)), (2, 2), (2, 2), (0, 0, 0, 0))
print(back[0, :, :, 0].astype(int))

assert (grid[back == 1] == [6, 8, 3, 4]).all() and back.sum() == 4

# %% [markdown]
# ## Batch normalization
# Every channel is moved to mean 0 and variance 1 over the batch, then scaled and shifted by two learned numbers, so
# that no layer has to follow the drift of the one before:
#
# $$ y = \gamma\, \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta $$

# %%
rng = np.random.default_rng(0)
values = (5 + 3 * rng.standard_normal((32, 4, 4, 2))).astype(np.float32)
one, zero = np.ones(2, np.float32), np.zeros(2, np.float32)
normal, running_mean, running_var = norm.batch_norm_train(values, zero, one, one, zero, 1e-5, 0.1)
print("before: mean", values.mean(axis=(0, 1, 2)).round(2), "variance", values.var(axis=(0, 1, 2)).round(2))
print("after:  mean", np.abs(normal.mean(axis=(0, 1, 2))).round(2), "variance", normal.var(axis=(0, 1, 2)).round(2))

assert np.abs(normal.mean(axis=(0, 1, 2))).max() < 1e-4 and np.abs(normal.var(axis=(0, 1, 2)) - 1).max() < 1e-3

# %% [markdown]
# In use there is no batch: the running statistics stand in, and what is left is a line, $y = sx + t$. Behind it a
# sign is only a comparison of $x$ with one number; the packed nets of the [last chapter](10_popcount.py) are built on
# that.

# %%
scale, shift = norm.fold(running_mean, running_var, one, zero, 1e-5)
line = values * scale + shift
inference = norm.batch_norm(values, running_mean, running_var, one, zero, 1e-5)
threshold = -shift / scale
clear = np.abs(values - threshold) > 1e-5

assert np.allclose(line, inference, atol=1e-5)
assert ((inference >= 0) == (values >= threshold))[clear].all() and clear.mean() > 0.999

# %% [markdown]
# ## A whole net, and its gradients
# The survey's net: a picture of 32 x 32 x 3, 12 filters, ReLU, pooling, 10 classes. Shapes forward:

# %%
image = rng.standard_normal((1, 32, 32, 3)).astype(np.float32)
conv_w = 0.1 * rng.standard_normal((12, 3, 3, 3)).astype(np.float32)
dense_w = 0.01 * rng.standard_normal((10, 16 * 16 * 12)).astype(np.float32)
conv = linear.conv2d(image, conv_w, padding=(1, 1, 1, 1))
lit = relu(conv)
small = pooling.max_pool2d(lit, (2, 2), (2, 2))
scores = linear.dense(small.reshape(1, 1, 1, -1), dense_w)
for name, value in {"input": image, "CONV": conv, "RELU": lit, "POOL": small, "FC": scores}.items():
    print(f"{name:6} {'x'.join(map(str, value.shape[1:]))}")

assert (conv.shape, small.shape, scores.shape) == ((1, 32, 32, 12), (1, 16, 16, 12), (1, 1, 1, 10))

# %% [markdown]
# And backward, layer by layer, to the filters of the first layer. Then the check of [chapter
# 4](04_backpropagation.py): nudge a weight, measure.

# %%
towards = rng.standard_normal(scores.shape)  # dC/dscores of the cost C = sum of towards * scores
d_small, d_dense = linear_back.dense(small.reshape(1, 1, 1, -1), dense_w, towards)
d_lit = pooling_back.max_pool2d(lit, d_small.reshape(small.shape), (2, 2), (2, 2), (0, 0, 0, 0))
d_image, d_conv = linear_back.conv2d(image, conv_w, pointwise_back.relu(conv, d_lit), padding=(1, 1, 1, 1))


def cost(weights: np.ndarray) -> float:
    """C, as a function of the convolution's filters."""
    lit = relu(linear.conv2d(image, weights, padding=(1, 1, 1, 1)))
    flat = pooling.max_pool2d(lit, (2, 2), (2, 2)).reshape(-1).astype(np.float64)
    return float((dense_w.astype(np.float64) @ flat) @ towards.ravel())


place, h = (5, 2, 2, 1), 1e-4
nudged = [conv_w.copy() for _ in range(2)]
nudged[0][place] += h
nudged[1][place] -= h
measured = (cost(nudged[0]) - cost(nudged[1])) / float(nudged[0][place] - nudged[1][place])
print(f"computed {d_conv[place]:.4f}, measured {measured:.4f}")

assert d_conv.shape == conv_w.shape and d_image.shape == image.shape and d_dense.shape == dense_w.shape
assert np.isclose(d_conv[place], measured, rtol=1e-2)

# %% [markdown]
# ```{admonition} Sources
# :class: seealso
# Y. LeCun and others, [Gradient-based learning applied to document recognition](https://doi.org/10.1109/5.726791),
# 1998; S. Ioffe, C. Szegedy, [Batch normalization](https://arxiv.org/abs/1502.03167), 2015. In the library:
# {doc}`xnorkit.reference.linear, pooling, norm </api/reference>`.
# ```
#
# Next: [a whole network, trained in PyTorch](07_cnn.py).
