# %% [markdown]
# # 4. Backpropagation: four equations
#
# Every weight of a net moves the cost a little. Backpropagation finds all these slopes at once, for the price of
# about one more pass through the net. Its idea is one quantity per neuron, the error $\delta^l_j = \partial C /
# \partial z^l_j$, and four equations ($\odot$ multiplies element by element):
#
# $$
# \begin{aligned}
# \delta^L &= \nabla_a C \odot \sigma'(z^L) & \text{(BP1)} \\
# \delta^l &= \big((W^{l+1})^T \delta^{l+1}\big) \odot \sigma'(z^l) & \text{(BP2)} \\
# \frac{\partial C}{\partial b^l_j} &= \delta^l_j & \text{(BP3)} \\
# \frac{\partial C}{\partial w^l_{jk}} &= a^{l-1}_k\, \delta^l_j & \text{(BP4)}
# \end{aligned}
# $$
#
# In the library they are four functions. Here is a net of 3, 4 and 2 neurons and one example, layer by layer.

# %%
import numpy as np
from sklearn.datasets import load_digits

from xnorkit import draw
from xnorkit.estimators import MLPClassifier
from xnorkit.reference import mlp
from xnorkit.reference.backprop import (
    ACTIVATIONS,
    bias_gradient,
    error_by_products,
    hidden_error,
    output_error,
    weight_gradient,
)

rng = np.random.default_rng(0)
net = mlp.initial((3, 4, 2), rng)
x, y = rng.standard_normal((1, 3)), np.array([[1.0, 0.0]])

trace = mlp.forward(net, x)
slopes = [ACTIVATIONS["sigmoid"].derivative(z) for z in trace.z]
delta2 = output_error(trace.a[2] - y, slopes[1])  # BP1
delta1 = hidden_error(net.weights[1], delta2, slopes[0])  # BP2
biases = [bias_gradient(delta1), bias_gradient(delta2)]  # BP3
weights = [weight_gradient(delta1, trace.a[0]), weight_gradient(delta2, trace.a[1])]  # BP4
print("error of the output layer", delta2.round(4))
print("error of the hidden layer", delta1.round(4))

found = mlp.gradients(net, x, y)
for ours, theirs in zip([*weights, *biases], [*found.weights, *found.biases], strict=True):
    assert np.array_equal(ours, theirs)

# %% [markdown]
# ## Do not believe it: measure
# A slope can be measured without any of this: nudge one weight by $\pm h$ and see how the cost changes,
#
# $$ \frac{\partial C}{\partial w} \approx \frac{C(w + h) - C(w - h)}{2h}. $$
#
# That takes two passes for every single weight, which is why nobody trains so; but it knows no calculus, so it checks
# ours.

# %%
h, largest, count = 1e-5, 0.0, 0
for layer, weight in enumerate(net.weights):
    for place in np.ndindex(weight.shape):
        costs = []
        for nudge in (h, -h):
            moved = [w.copy() for w in net.weights]
            moved[layer][place] += nudge
            costs.append(mlp.cost(mlp.Net(tuple(moved), net.biases, net.activations), x, y))
        measured = (costs[0] - costs[1]) / (2 * h)
        largest, count = max(largest, abs(measured - found.weights[layer][place])), count + 1
print(f"{count} weights, largest difference from the measured slope: {largest:.1e}")

assert largest < 1e-9

# %% [markdown]
# ## As matrices alone
# Write $\sigma'$ as a diagonal matrix $\Sigma'$ and the error of a layer is a chain of products:
#
# $$ \delta^l = \Sigma'(z^l)\,(W^{l+1})^T \cdots \Sigma'(z^{L-1})\,(W^L)^T\,\Sigma'(z^L)\,\nabla_a C $$

# %%
chain = error_by_products(net.weights, [s[0] for s in slopes], (trace.output - y)[0])
for product, error in zip(chain, found.errors, strict=True):
    assert np.allclose(product, error[0], rtol=1e-12)
print("the same errors, by products:", [error.round(4).tolist() for error in chain])

# %% [markdown]
# One factor for each layer. What happens to a product of many factors is the subject of the [next
# chapter](05_vanishing.py).
#
# ## At work: handwritten digits
# Stochastic gradient descent takes the mean of the gradients over a few examples, steps, and takes the next few. Our
# estimator trains by exactly the four functions above: 64 pixels, 30 hidden neurons, 10 outputs, the quadratic cost,
# batches of 10 and a learning rate of 3.

# %%
images, labels = load_digits(return_X_y=True)
train, test = slice(0, 1400), slice(1400, None)
classifier = MLPClassifier(
    (30,), cost="quadratic", learning_rate=3.0, batch_size=10, epochs=20, input_scale=1 / 16, random_state=0
)
classifier.fit(images[train], labels[train], validation=(images[test], labels[test]))
accuracy = classifier.score(images[test], labels[test])
print(f"{len(labels[test])} digits it has never seen: {100 * accuracy:.1f} % right")

assert accuracy > 0.88
draw.curves(
    np.arange(1, 21),
    {
        "cost": {"train": classifier.loss_curve_},
        "share right": {"train": classifier.score_curve_, "not seen": classifier.validation_curve_},
    },
    x_label="epoch",
    title="64-30-10, trained by four equations",
)

# %% [markdown]
# Which ones does it confuse? A row is a true digit, a column what the net said.

# %%
counts = np.zeros((10, 10), int)
np.add.at(counts, (labels[test], classifier.predict(images[test])), 1)

assert counts.trace() == round(accuracy * len(labels[test]))
draw.confusion(counts, [str(digit) for digit in range(10)], "digits not seen in training")

# %% [markdown]
# ```{admonition} Sources
# :class: seealso
# D. Rumelhart, G. Hinton, R. Williams, [Learning representations by back-propagating
# errors](https://doi.org/10.1038/323533a0), 1986; M. Nielsen, [chapter
# 2](http://neuralnetworksanddeeplearning.com/chap2.html), 2015. In the library: {doc}`xnorkit.reference.backprop
# </api/reference>`, {doc}`xnorkit.estimators </api/estimators>`.
# ```
#
# Next: [what depth does to gradients](05_vanishing.py).
