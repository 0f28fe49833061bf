"""The sections of a recipe: frozen dataclasses whose fields carry their meaning, choices and range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xnorkit.errors import RecipeError
from xnorkit.train.config import Section, option, section


@dataclass(frozen=True)
class DataOptions(Section):
    """Which pictures, and what is done to them while training."""

    name: str = option("fashion-mnist", "a name of `xnorkit list datasets`, or a folder or zip of one folder per class")
    root: str | None = option(None, "folder that holds the dataset's files; null searches the usual places")
    limit: int | None = option(None, "keep only this many training pictures, the same share of each class", low=1)
    holdout: int = option(0, "training pictures held out to choose `best`; 0: `best` is the last epoch", low=0)
    shift: int = option(0, "move each training picture by up to this many pixels each way, black coming in", low=0)
    flip: bool = option(False, "mirror every other training picture left to right, at random")
    cutout: int = option(0, "side of a square of each training picture, at random, that shows its mean colour", low=0)
    size: tuple[int, ...] = option((), "height and width every picture of a folder is resized to", low=1)
    crop: str = option("none", "pictures of a folder stay on disk and are cropped to data.size anew each time: a "
                               "share of the area, or a window at a drawn shorter side",
                       choices=("none", "area", "short"))  # fmt: skip
    area: tuple[float, ...] = option((0.08, 1.0), "least and largest share of the area", above=0, high=1)
    short: tuple[int, ...] = option((256, 256), "least and largest shorter side; in tests the least, the window in the "
                                                "middle", low=1)  # fmt: skip
    lighting: float = option(0.0, "AlexNet's colour noise of cropped pictures: its standard deviation", low=0)

    def check(self) -> None:
        if len(self.size) not in (0, 2):
            raise RecipeError("size", "wrong length", got=list(self.size), expected="[height, width]")
        for name, pair in (("area", self.area), ("short", self.short)):
            if len(pair) != 2 or pair[0] > pair[1]:
                raise RecipeError(name, "no range", got=list(pair), expected="[least, largest]")


@dataclass(frozen=True)
class ModelOptions(Section):
    """Which network."""

    name: str = option("lenet5", "a name of `xnorkit list models`")
    method: str = option("xnor", "how weights and activations become bits: a name of `xnorkit list methods`, or fp32")
    options: dict[str, Any] = option({}, "further keyword arguments of the model")
    init: str | None = option(None, "run folder or checkpoint whose tensors the model begins with; in stages also "
                                    "stage:NAME or stage:previous, with /last for its last epoch")  # fmt: skip
    latent: str = option("torch", "first values of binary and few-bit weights: torch's, or BinaryConnect's U(-1, 1)",
                       choices=("torch", "uniform"))  # fmt: skip


@dataclass(frozen=True)
class BinaryOptions(Section):
    """The rule of binary and few-bit layers' weights; bop, bop2 and shift_adamax decay nothing."""

    name: str = option("same", "update rule; same: optim.name's",
                       choices=("same", "sgd", "adam", "adamw", "shift_adamax", "bop", "bop2"))  # fmt: skip
    lr: float | None = option(None, "its learning rate; of bop and bop2 gamma, at most 1; null: optim.lr", above=0)
    threshold: float = option(1e-8, "how large bop's momentum must be to flip a weight", low=0)
    sigma: float = option(1e-3, "share of the newest squared gradient in bop2's second moment", above=0, high=1)
    follows: str = option("gamma", "what the schedule multiplies, of bop and bop2",
                          choices=("gamma", "threshold", "both", "none"))  # fmt: skip

    def check(self) -> None:
        if self.name in ("bop", "bop2") and not (self.lr is not None and self.lr <= 1):
            raise RecipeError("lr", f"the gamma of {self.name}", got=self.lr, expected="a number above 0, at most 1",
                              hint="Helwegen et al. begin with 1e-4")  # fmt: skip
        if self.name == "same" and self.lr is not None:
            raise RecipeError("lr", "needs a rule of its own", got=self.lr, expected="null, or a name beside it")


@dataclass(frozen=True)
class OptimOptions(Section):
    """The optimizer."""

    name: str = option("adam", "update rule", choices=("sgd", "adam", "adamw", "shift_adamax"))
    lr: float = option(1e-3, "learning rate at the schedule's top", above=0)
    weight_decay: float = option(0.0, "decay of tensors of two axes and more (never biases and norms)", low=0)
    momentum: float = option(0.9, "momentum of sgd", low=0, high=1)
    nesterov: bool = option(False, "Nesterov's momentum, for sgd")
    betas: tuple[float, ...] = option((0.9, 0.999), "running-average factors of adam, adamw, shift_adamax",
                                      low=0, high=1)  # fmt: skip
    eps: float = option(1e-8, "divisor guard of adam, adamw, bop2 and shift_adamax in its lua form", above=0)
    form: str = option("paper", "shift_adamax as BNN prints it, or as its authors' Torch code has it",
                       choices=("paper", "lua"))  # fmt: skip
    lr_scale: str = option("none", "factor on the steps of binary and few-bit weights: BinaryConnect's "
                                   "1/sqrt(1.5/(fan_in + fan_out)), or the power of two nearest to it",
                           choices=("none", "glorot", "glorot-ap2"))  # fmt: skip
    clip_norm: float | None = option(None, "largest length of the whole gradient; longer ones are scaled", above=0)
    binary: BinaryOptions = section(BinaryOptions, "a rule of their own for binary weights")

    def check(self) -> None:
        if len(self.betas) != 2 or max(self.betas) >= 1:
            raise RecipeError("betas", "bad factors", got=list(self.betas), expected="two numbers below 1")
        if self.nesterov and self.momentum == 0:
            raise RecipeError("nesterov", "needs momentum", got="momentum 0", expected="momentum above 0")
        if self.name == "shift_adamax" and self.weight_decay:
            raise RecipeError("weight_decay", "shift_adamax has none", got=self.weight_decay, expected="0")
        if self.lr_scale != "none" and self.binary.name in ("bop", "bop2"):
            raise RecipeError("lr_scale", f"{self.binary.name} flips signs, it makes no steps", got=self.lr_scale,
                              expected="none")  # fmt: skip


@dataclass(frozen=True)
class ScheduleOptions(Section):
    """The learning rate over time: a factor on ``optim.lr``."""

    name: str = option("cosine", "shape of the decay",
                       choices=("constant", "step", "cosine", "linear", "poly", "exponential"))  # fmt: skip
    warmup: float = option(0.0, "epochs of linear rise from 0 at the start", low=0)
    milestones: tuple[float, ...] = option((), "epochs at which `step` multiplies by gamma", above=0)
    every: float | None = option(None, "`step` also multiplies by gamma each time so many epochs are over", above=0)
    gamma: float = option(0.1, "factor of `step`", above=0, high=1)
    factors: tuple[float, ...] = option((), "factors of `step` at each milestone, where they differ", above=0, high=1)
    power: float = option(2.0, "of `poly`: floor + (1 - floor) (1 - done)^power", above=0)
    floor: float = option(0.0, "factor that cosine, linear, poly and exponential end at", low=0, high=1)

    def check(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise RecipeError("milestones", "not in rising order", got=list(self.milestones))
        if self.name == "step" and not self.milestones and self.every is None:
            raise RecipeError("milestones", "empty", expected="at least one epoch for the step schedule, or every")
        if self.factors and len(self.factors) != len(self.milestones):
            raise RecipeError("factors", "not one for each milestone", got=len(self.factors),
                              expected=len(self.milestones))  # fmt: skip
        if self.name == "exponential" and self.floor == 0:
            raise RecipeError("floor", "no power reaches 0", got=0.0, expected="above 0 for the exponential schedule")


@dataclass(frozen=True)
class TrainOptions(Section):
    """The loop."""

    epochs: int = option(12, "passes over the training pictures", low=1)
    batch: int = option(100, "pictures a step over all processes together", low=2)
    loss: str = option("cross_entropy", "what is made small", choices=("cross_entropy", "squared_hinge"))
    label_smoothing: float = option(0.0, "share of the target spread over all classes", low=0, high=0.99)
    clip_latent: bool = option(True, "clip the latent weights of binary layers to [-1, 1] after each step")
    precision: str = option("float32", "in what a training step forms sums, by autocast; evaluation and files stay "
                                       "exact", choices=("float32", "bfloat16"))  # fmt: skip
    bn_recalibrate: int = option(0, "training pictures from which batch-norm statistics are taken anew before each "
                                    "evaluation; 0 keeps the running averages", low=0)  # fmt: skip
    diagnose: int = option(0, "observe gradients, activations and sign flips every so many steps; 0: never", low=0)
    checkpoint_steps: int = option(0, "also checkpoint every so many steps; 0: at the end of each epoch only", low=0)

    def check(self) -> None:
        if self.label_smoothing and self.loss != "cross_entropy":
            raise RecipeError("label_smoothing", "only for cross_entropy", got=self.loss)


@dataclass(frozen=True)
class DistillOptions(Section):
    """What the student learns from a teacher: (1 - weight) labels + weight soft + attention_weight attention."""

    teacher: str | None = option(None, "run folder or checkpoint of `xnorkit train` that is matched; in stages also "
                                       "stage:NAME or stage:previous; null: no teacher")  # fmt: skip
    loss: str = option("hinton", "what is matched of the scores: softened answers (hinton), answers without labels "
                                 "(distribution: ReActNet), scores (logits: Ba and Caruana), or nothing",
                       choices=("hinton", "distribution", "logits", "none"))  # fmt: skip
    weight: float | None = option(None, "share of that loss, the labels' has the rest; null: 0.5 for hinton, 1 for "
                                        "distribution and logits", low=0, high=1)  # fmt: skip
    temperature: float = option(4.0, "what hinton divides the scores by", above=0)
    attention: tuple[str, ...] = option((), "modules whose maps are matched (Real-to-Binary): NAME, or STUDENT=TEACHER")
    attention_weight: float = option(1.0, "factor of the sum over those modules", low=0)

    def check(self) -> None:
        if self.loss == "none" and self.weight:
            raise RecipeError("weight", "there is no loss it is of", got=self.weight, expected="null with loss: none")
        if self.loss == "none" and self.teacher is not None and not self.attention:
            raise RecipeError("loss", "nothing of the teacher is matched", got="none",
                              expected="a loss, or modules in attention")  # fmt: skip
