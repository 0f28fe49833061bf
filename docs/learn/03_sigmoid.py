# %% [markdown]
# # 3. Neurons that answer softly, and what a wrong answer costs
#
# A step hides whether a neuron was nearly right. Put a smooth curve in its place and a small change of a weight makes
# a small change of the answer: then one can ask in which direction to go.
#
# $$
# a = \sigma(z), \qquad z = w \cdot x + b, \qquad \sigma(z) = \frac{1}{1 + e^{-z}}, \qquad
# \sigma'(z) = \sigma(z)\,(1 - \sigma(z))
# $$

# %%
import numpy as np

from xnorkit import draw
from xnorkit.reference import mlp
from xnorkit.reference.backprop import ACTIVATIONS

sigmoid = ACTIVATIONS["sigmoid"]
z = np.linspace(-6, 6, 1001)
slope = sigmoid.derivative(z)
print(f"steepest at z = {z[slope.argmax()]:.1f}: slope {slope.max()}; at z = 6 the slope is {slope[-1]:.4f}")

assert np.allclose(slope, sigmoid.function(z) * (1 - sigmoid.function(z)))
assert slope.max() == sigmoid.steepest == 1 / 4
draw.functions({"sigma": sigmoid.function, "sigma'": sigmoid.derivative}, title="the sigmoid and its slope", y="value")

# %% [markdown]
# The slope is never above a quarter and almost nothing far from zero: a neuron that is sure of itself hardly learns.
# That will matter twice, in this chapter and in [chapter 5](05_vanishing.py).
#
# With large weights the curve is a step again, so that these nets can do all that the neurons of 1943 could.

# %%
away = np.abs(z) > 0.2
assert (np.round(sigmoid.function(100 * z[away])) == (z[away] > 0)).all()
assert np.abs(sigmoid.function(100 * z[away]) - (z[away] > 0)).max() < 1e-8

# %% [markdown]
# ## Cost
# How wrong is a net on $n$ examples? Two measures, the quadratic cost and cross entropy:
#
# $$
# C = \frac{1}{2n} \sum_x \lVert y - a \rVert^2, \qquad
# C = -\frac{1}{n} \sum_x \sum_j \big[\, y_j \ln a_j + (1 - y_j) \ln(1 - a_j) \,\big]
# $$
#
# Gradient descent steps against the slope of $C$: $w \leftarrow w - \eta\, \partial C / \partial w$. One neuron, one
# example, the answer should be 0, and it begins sure of the opposite:

# %%
x, y = np.array([[1.0]]), np.array([[0.0]])
answers = {}
for cost in ("quadratic", "cross_entropy"):
    net = mlp.Net((np.array([[2.0]]),), (np.array([2.0]),), ("sigmoid",), cost)
    answers[cost] = []
    for _ in range(300):
        answers[cost].append(mlp.forward(net, x).output.item())
        net = mlp.step(net, x, y, rate=0.15)
    print(f"{cost:13} first answer {answers[cost][0]:.3f}, after 300 steps {answers[cost][-1]:.3f}")

early = {cost: found[0] - found[20] for cost, found in answers.items()}
assert early["cross_entropy"] > 5 * early["quadratic"]
draw.curves(
    np.arange(300), {"answer (0 is right)": answers}, x_label="step", title="sure and wrong: which cost gets out?"
)

# %% [markdown]
# With the quadratic cost the gradient holds the factor $\sigma'(z)$, so the surest mistakes are corrected slowest.
# Cross entropy cancels it: at the output $\partial C / \partial z = a - y$, the error itself.

# %%
net = mlp.Net((np.array([[2.0]]),), (np.array([2.0]),), ("sigmoid",), "cross_entropy")
a = mlp.forward(net, x).output
assert np.allclose(mlp.gradients(net, x, y).errors[0], a - y)
quadratic = mlp.Net(net.weights, net.biases, net.activations, "quadratic")
assert np.allclose(mlp.gradients(quadratic, x, y).errors[0], (a - y) * sigmoid.derivative(np.array([[4.0]])))

# %% [markdown]
# ## Layers
# A layer of such neurons is a matrix, $a^l = \sigma(W^l a^{l-1} + b^l)$, and a net is layers in a row. Here is one
# with four hidden neurons that learned XNOR from its four examples. No perceptron can; nobody chose these weights.

# %%
corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
xnor = np.array([[1.0], [0.0], [0.0], [1.0]])
net = mlp.initial((2, 4, 1), np.random.default_rng(0))
costs = []
for _ in range(2000):
    costs.append(mlp.cost(net, corners, xnor))
    net = mlp.step(net, corners, xnor, rate=3.0)
print("answers", mlp.forward(net, corners).output.ravel().round(3), f"cost {costs[0]:.3f} -> {costs[-1]:.5f}")

assert (mlp.forward(net, corners).output.round() == xnor).all()
draw.decision(
    corners,
    np.where(xnor[:, 0] > 0.5, 1, -1),
    lambda points: mlp.forward(net, points).output[:, 0] - 0.5,
    title="XNOR, learned: the border is no line",
)

# %% [markdown]
# How did the four neurons in the middle know what to change? `mlp.step` took the slope of the cost for every weight
# of the net at once. That is the next chapter.
#
# ```{admonition} Sources
# :class: seealso
# M. Nielsen, [Neural networks and deep learning](http://neuralnetworksanddeeplearning.com/chap3.html), 2015, chapters
# 1 and 3. In the library: {doc}`xnorkit.reference.costs and mlp </api/reference>`.
# ```
#
# Next: [backpropagation](04_backpropagation.py).
