# %% [markdown]
# # 1. A neuron that counts
#
# In 1943 Warren McCulloch and Walter Pitts described a nerve cell as a device that counts. Inputs are 0 or 1. Some
# excite, some inhibit. It fires when no inhibitory input is on and enough exciting ones are:
#
# $$
# y = \begin{cases} 1 & \text{if no inhibitory input is on and } \sum_{i} x_i \ge \theta \\ 0 & \text{else} \end{cases}
# $$
#
# The sum runs over the exciting inputs; $\theta$ is the threshold. Nothing is learned: whoever builds the net
# chooses.

# %%
import numpy as np

from xnorkit import draw
from xnorkit.reference.neuron import GATES, Neuron

pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8)
both = Neuron(excitatory=(0, 1), inhibitory=(), threshold=2)
print(both.fire(pairs))

assert both.fire(pairs).tolist() == [0, 0, 0, 1]

# %% [markdown]
# ## Gates
# With threshold 2 the neuron of two inputs is AND; with threshold 1 it is OR. An inhibitory input is a veto: one is
# enough, whatever excites. NOT is a neuron with one inhibitory input and threshold 0.

# %%
for name in ("and", "or", "nor", "nand", "xor", "xnor"):
    print(f"{name:5} {GATES[name].run(pairs)[:, 0]}   layers: {len(GATES[name].layers)}")

expected = {
    "and": pairs[:, 0] & pairs[:, 1],
    "or": pairs[:, 0] | pairs[:, 1],
    "xor": pairs[:, 0] ^ pairs[:, 1],
    "xnor": 1 - (pairs[:, 0] ^ pairs[:, 1]),
}
for name, truth in expected.items():
    assert (GATES[name].run(pairs)[:, 0] == truth).all()
veto = Neuron(excitatory=(0, 1), inhibitory=(2,), threshold=1)
assert veto.fire(np.array([[1, 1, 0], [1, 1, 1]], np.uint8)).tolist() == [1, 0]

# %% [markdown]
# ## One line
# A neuron of two exciting inputs fires on one side of the line $x_1 + x_2 = \theta$. AND and OR differ only in where
# that line lies. XNOR is 1 at two opposite corners, and no line has those on one side and the other two on the other.

# %%
labels = np.where(pairs[:, 0] & pairs[:, 1], 1, -1)
draw.decision(pairs, labels, lambda x: x.sum(axis=1) - 1.5, title="AND: fires above the line")

# %% [markdown]
# Every exciting neuron of two inputs, every choice of vetoes and every threshold: none of them is XOR or XNOR.

# %%
single = set()
for kinds in np.ndindex(3, 3):  # each input: not connected, exciting, inhibitory
    roles = [tuple(i for i in (0, 1) if kinds[i] == kind) for kind in (1, 2)]
    for threshold in range(4):
        single.add(tuple(Neuron(roles[0], roles[1], threshold).fire(pairs).tolist()))
print(f"{len(single)} of the {2**4} functions of two bits are one neuron")

assert (0, 1, 1, 0) not in single and (1, 0, 0, 1) not in single
assert (0, 0, 0, 1) in single and (0, 1, 1, 1) in single

# %% [markdown]
# ## XNOR takes two layers
# The first layer asks "both?" and "neither?"; the second says "one of these". In the plane of the two answers a line
# is enough: the hidden layer has moved the corners.

# %%
xnor = GATES["xnor"]
hidden = np.stack([neuron.fire(pairs) for neuron in xnor.layers[0]], axis=1)
print("inputs           ", pairs.tolist())
print("both?, neither?  ", hidden.tolist())
print("xnor             ", xnor.run(pairs)[:, 0].tolist())

draw.decision(
    hidden,
    np.where(xnor.run(pairs)[:, 0], 1, -1),
    lambda h: h.sum(axis=1) - 0.5,
    title="XNOR, seen from its hidden layer",
    names=("both?", "neither?"),
)

# %% [markdown]
# Remember this gate. XNOR answers "are these two bits equal?", and on numbers that are $-1$ or $+1$ that is a
# multiplication. The last chapters build whole networks on it.

# %%
signs = np.array([1, -1])[pairs]  # bit 0 means +1, bit 1 means -1
product = signs[:, 0] * signs[:, 1]
for row, value in zip(signs.tolist(), product.tolist(), strict=True):
    print(f"{row[0]:+d} times {row[1]:+d} is {value:+d}")

assert ((product == 1) == (xnor.run(pairs)[:, 0] == 1)).all()

# %% [markdown]
# ```{admonition} Sources
# :class: seealso
# W. S. McCulloch, W. Pitts, [A logical calculus of the ideas immanent in nervous
# activity](https://doi.org/10.1007/BF02478259), 1943. In the library: {doc}`xnorkit.reference.neuron
# </api/reference>`.
# ```
#
# Next: [a neuron that learns](02_perceptron.py).
