# %% [markdown]
# # 5. Gradients that vanish and gradients that explode
#
# Backpropagation is a product with one factor for each layer, $\Sigma'(z^l)\,(W^{l+1})^T$. For one neuron a layer it
# is a product of numbers,
#
# $$
# \delta^1 = \sigma'(z^1)\; w^2\, \sigma'(z^2)\; w^3\, \sigma'(z^3) \cdots w^L\, \sigma'(z^L)\;
# \frac{\partial C}{\partial a^L}.
# $$
#
# Factors below one make a product that dies with depth, factors above one a product that explodes. The slope of the
# sigmoid is at most a quarter: unless the weights are large, its nets belong to the first kind.

# %%
import numpy as np
import torch
from torch import nn

from xnorkit import draw
from xnorkit.reference import mlp
from xnorkit.reference.backprop import ACTIVATIONS
from xnorkit.train.diagnostics import Diagnostics, Report

DEPTH, WIDTH = 10, 30
x = np.random.default_rng(1).standard_normal((64, WIDTH))
y = np.random.default_rng(2).uniform(0, 1, (64, 1))


def sizes_of_errors(activation: str, scale: str, factor: float = 1.0) -> np.ndarray:
    """Length of delta^l by that of the last hidden layer, mean over examples, hidden layer by hidden layer."""
    rng, sizes = np.random.default_rng(0), (WIDTH, *[WIDTH] * DEPTH, 1)
    net = mlp.initial(sizes, rng, activation=activation, scale=scale, output="identity")
    net = mlp.Net(tuple(factor * w for w in net.weights), net.biases, net.activations, net.cost)
    lengths = np.array([np.linalg.norm(error, axis=1) for error in mlp.gradients(net, x, y).errors[:-1]])
    return (lengths / lengths[-1]).mean(axis=1)


vanishing = sizes_of_errors("sigmoid", "fan_in")
for layer, length in enumerate(vanishing, start=1):
    print(f"layer {layer:2}: the error is {length:.2e} of the last hidden layer's")

each = vanishing[0] ** (1 / (DEPTH - 1))
print(f"from one hidden layer to the one before, on average times {each:.2f}")

assert (np.diff(vanishing) > 0).all()
assert each < ACTIVATIONS["sigmoid"].steepest * 2

# %% [markdown]
# The first layers, which see the picture, hear almost nothing of the mistake. Now the other way: neurons whose slope
# is 1, and weights that are too large.

# %%
nets = {
    "sigmoid, weights 1/sqrt(n)": vanishing,
    "ReLU, weights too large": sizes_of_errors("relu", "he", 2.0),
    "ReLU, weights sqrt(2/n)": sizes_of_errors("relu", "he"),
}
exploding, cured = nets["ReLU, weights too large"], nets["ReLU, weights sqrt(2/n)"]
for name, lengths in nets.items():
    print(f"{name:28} layer 1 over layer {DEPTH}: {lengths[0]:.2e}")

assert vanishing[0] < 1e-3 and exploding[0] > 1e2 and 0.1 < cured[0] < 10
draw.curves(
    np.arange(1, DEPTH + 1),
    {"error, by the last layer's": nets},
    x_label="hidden layer",
    title="how loud the mistake is in each layer",
    log=True,
)

# %% [markdown]
# ## Why the square root of two over n
# The third net is the cure. Its weights have just the size that keeps the length of a vector: a sum of $n$ terms
# grows with $\sqrt{n}$, and ReLU throws half of them away, so weights with standard deviation $\sqrt{2/n}$ leave the
# length as it was, forward and backward. Double all weights and every layer doubles the error:

# %%
doubling = exploding[0] / cured[0]
print(f"too large against right, over {DEPTH - 1} steps: {doubling:.0f} times, 2^{np.log2(doubling):.2f}")

assert np.isclose(doubling, 2.0 ** (DEPTH - 1))

# %% [markdown]
# That is exact, because ReLU passes a factor through unchanged and these nets have no biases.
#
# ## Does it matter?
# Both nets below have four hidden layers and learn whether a point lies in a ring. The sigmoid net's first layer
# hardly moves.

# %%
rng = np.random.default_rng(3)
points = rng.uniform(-1, 1, (400, 2))
inside = (np.abs(np.hypot(points[:, 0], points[:, 1]) - 0.6) < 0.25).astype(float)[:, None]
curves, moved, ring = {}, {}, {}
for name, activation, scale, rate in (("sigmoid", "sigmoid", "fan_in", 0.5), ("ReLU", "relu", "he", 0.05)):
    start = net = mlp.initial((2, 24, 24, 24, 24, 1), rng, activation=activation, scale=scale, cost="cross_entropy")
    curves[name] = []
    for _ in range(150):
        net = mlp.epoch(net, points, inside, rate=rate, batch=20, rng=rng)
        curves[name].append(mlp.cost(net, points, inside))
    moved[name] = np.linalg.norm(net.weights[0] - start.weights[0]) / np.linalg.norm(start.weights[0])
    ring[name] = net
    right = ((mlp.forward(net, points).output > 0.5) == (inside > 0.5)).mean()
    print(f"{name:8} {100 * right:5.1f} % right, first layer moved by {100 * moved[name]:.1f} % of its length")

late = {name: np.mean(found[-20:]) for name, found in curves.items()}
assert late["ReLU"] < 0.5 * late["sigmoid"] and moved["ReLU"] > 3 * moved["sigmoid"]
draw.curves(np.arange(1, 151), {"cross entropy": curves}, x_label="epoch", title="the same depth, the same data")

# %%
draw.decision(
    points,
    np.where(inside[:, 0] > 0.5, 1, -1),
    lambda p: mlp.forward(ring["ReLU"], p).output[:, 0] - 0.5,
    title="the ring, learned with ReLU",
)

# %% [markdown]
# ## In a real training
# Nobody prints errors layer by layer by hand. `Diagnostics` watches any PyTorch model while it trains, names the
# layer and the factor, and says what helps; `xnorkit train --diagnose` does so for a recipe.


# %%
def deep(activation: type[nn.Module], deviation: float | None = None) -> nn.Sequential:
    """Twelve layers of twenty; deviation: of the first weights, PyTorch's own where None."""
    torch.manual_seed(0)
    layers = [module for _ in range(12) for module in (nn.Linear(20, 20), activation())]
    for layer in layers:
        if deviation and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=deviation)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers, nn.Linear(20, 1))


def watched(model: nn.Module) -> Report:
    """What is seen in five steps on random data."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with Diagnostics(model) as watch:
        for _ in range(5):
            batch = torch.randn(64, 20)
            optimizer.zero_grad()
            nn.functional.mse_loss(model(batch), batch.sum(1, keepdim=True).tanh()).backward()
            optimizer.step()
            watch.step()
    return watch.report()


sick, well = watched(deep(nn.Sigmoid)), watched(deep(nn.ReLU, (2 / 20) ** 0.5))
for finding in sick.findings:
    print(f"{finding.text}\nhelps: {finding.cure}")

assert {finding.kind for finding in sick.findings} == {"vanishing"}
assert "vanishing" not in {finding.kind for finding in well.findings}

names = [row.name for row in sick.weighted]
draw.gradients(
    names,
    {
        name: [row.gradient for row in report.weighted]
        for name, report in (("sigmoid", sick), ("ReLU, weights sqrt(2/n)", well))
    },
    title="what the watcher saw",
)

# %% [markdown]
# Better first weights are one cure. Others: neurons with slope 1 (ReLU), batch normalization ([chapter
# 6](06_convolution.py)), which sets the size of every layer's values anew, and shortcuts around layers. Binary nets
# need them more than others: the sign has slope 0 everywhere, and what stands in its place ([chapter
# 8](08_straight_through.py)) closes for values beyond 1. More: [when a training goes wrong](../diagnostics.md).
#
# ```{admonition} Sources
# :class: seealso
# S. Hochreiter, Untersuchungen zu dynamischen neuronalen Netzen, 1991; X. Glorot, Y. Bengio, [Understanding the
# difficulty of training deep feedforward neural networks](https://proceedings.mlr.press/v9/glorot10a.html), 2010; K.
# He and others, [Delving deep into rectifiers](https://arxiv.org/abs/1502.01852), 2015; M. Nielsen, [chapter
# 5](http://neuralnetworksanddeeplearning.com/chap5.html), 2015.
# ```
#
# Next: [convolution](06_convolution.py).
