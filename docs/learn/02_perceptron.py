# %% [markdown]
# # 2. The perceptron: a line learned from mistakes
#
# In 1958 Frank Rosenblatt let the neuron have weights, any numbers, and gave it a rule by which to find them. The
# answer is a sign,
#
# $$ \hat y = \operatorname{sign}(w \cdot x + b), $$
#
# and for each example it gets wrong, $y\,(w \cdot x + b) \le 0$, the weights take a step towards that example:
#
# $$ w \leftarrow w + \eta\, y\, x, \qquad b \leftarrow b + \eta\, y. $$

# %%
import numpy as np

from xnorkit import draw
from xnorkit.reference import perceptron
from xnorkit.reference.conventions import sign

rng = np.random.default_rng(7)
points = rng.uniform(-1, 1, (120, 2))
height = points @ np.array([0.8, 0.6]) - 0.1
points, labels = points[np.abs(height) > 0.08], sign(height[np.abs(height) > 0.08])

found = perceptron.fit(points, labels)
print(found.report())

assert found.converged
assert (perceptron.predict(points, found.weights, found.bias) == labels).all()
draw.decision(points, labels, lambda x: x @ found.weights + found.bias, title="a line that makes no mistake")

# %% [markdown]
# :::{admonition} Correction
# :class: warning
# The survey binarizes with "+1 if $x > 0$". The papers it follows, and every bit of this library, give
# $\operatorname{sign}(0) = +1$: a bit has two values, and zero must be one of them. The mistake test above has $\le$
# for the same reason at the start, where all weights are 0: a point on the line counts as a mistake.
# :::

# %%
assert sign(np.array([0.0, -0.0])).tolist() == [1, 1]
assert found.mistakes[0] > 0

# %% [markdown]
# ## How many mistakes?
# If some line parts the data, the rule ends. Write the bias as the weight of one more input that is always 1, let $R$
# be the length of the longest point and $\gamma$ the distance from the line to the nearest one. Then the rule makes
# at most
#
# $$ \left(\frac{R}{\gamma}\right)^2 $$
#
# mistakes, in whatever order the points come and however large the step is. Any line that parts the data gives a
# bound; the widest gives the best one.

# %%
true_bound = perceptron.mistake_bound(points, labels, np.array([0.8, 0.6]), -0.1)
own_bound = perceptron.mistake_bound(points, labels, found.weights, found.bias)
print(f"bound by the line that made the data: {true_bound:8.0f}")
print(f"bound by the line that was found:     {own_bound:8.0f}")

totals = []
for _ in range(50):
    order = rng.permutation(len(points))
    totals.append(perceptron.fit(points[order], labels[order]).total)
print(f"mistakes in 50 random orders:         {min(totals)} to {max(totals)}")

assert max(totals) <= min(true_bound, own_bound)
for rate in (0.01, 100.0):
    assert perceptron.fit(points, labels, rate=rate).total == found.total

# %% [markdown]
# The last two lines say something that surprises at first: the learning rate does not matter. With $w = 0$ at the
# start, all weights are multiples of $\eta$, and a sign does not see a factor.
#
# ## How wide was the gap?
# The closer the nearest point, the more mistakes the bound allows. It is a bound, not a forecast: what happens lies
# far below.

# %%
gaps, bounds, made = [0.02, 0.04, 0.08, 0.16, 0.32], [], []
cloud = rng.uniform(-1, 1, (400, 2))
distance = cloud @ np.array([0.8, 0.6]) - 0.1
for gap in gaps:
    kept = np.abs(distance) > gap
    x, y = cloud[kept], sign(distance[kept])
    bounds.append(perceptron.mistake_bound(x, y, np.array([0.8, 0.6]), -0.1))
    made.append(perceptron.fit(x, y).total)
    assert 0 < made[-1] <= bounds[-1]
assert bounds == sorted(bounds, reverse=True)
draw.curves(gaps, {"mistakes": {"bound": bounds, "made": made}}, x_label="half the width of the gap", log=True)

# %% [markdown]
# ## What no line can part
# On XOR the rule goes on for ever, so `fit` takes a limit of epochs and then says what it saw.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
xor = np.array([-1, 1, 1, -1], np.int8)
stuck = perceptron.fit(corners, xor, max_epochs=1000)
print(stuck.report())

assert not stuck.converged and min(stuck.mistakes) > 0
draw.decision(
    corners, xor, lambda x: x @ stuck.weights + stuck.bias, title="XOR after a thousand epochs: one answer for all"
)

# %% [markdown]
# The rule walks in a circle: after every epoch the weights are back where they began, at 0. One more layer would
# help, as in chapter 1, but the rule only says what to do where the right answer is known, at the output. What should
# a neuron in the middle have done? That question waited for [backpropagation](04_backpropagation.py).

# %%
for epochs in range(1, 40):
    line = perceptron.fit(corners, xor, max_epochs=epochs)
    assert not line.weights.any() and line.bias == 0.0
print("39 epochs, each of them ends at", line.weights, line.bias)

# %% [markdown]
# To use it on data of your own there is `xnorkit.estimators.Perceptron`, and `BinaryPerceptron`, whose weights are
# signs: [estimators](../estimators.md).
#
# ```{admonition} Sources
# :class: seealso
# F. Rosenblatt, [The perceptron](https://doi.org/10.1037/h0042519), 1958; A. Novikoff, On convergence proofs for
# perceptrons, 1962; M. Minsky, S. Papert, Perceptrons, 1969. In the library: {doc}`xnorkit.reference.perceptron
# </api/reference>`.
# ```
#
# Next: [neurons that answer softly](03_sigmoid.py).
