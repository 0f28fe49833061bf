"""Networks of the table on the Hugging Face Hub: weights, configuration and card; also from a folder, offline."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor, nn

from ..errors import CheckpointError, MissingDependencyError

try:
    from huggingface_hub import ModelCard, PyTorchModelHubMixin
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
except ModuleNotFoundError as error:
    raise MissingDependencyError("xnorkit.HubModel", "a package is missing", got=error.name,
                                 hint='pip install "xnorkit[hub]"') from error  # fmt: skip

from .summary import summary
from .table import MODELS, config_of, create_model

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_CARD = """---
{{ card_data }}
---

# {{ title }}

{{ about }}; {{ num_classes }} classes.
Of its {{ parameters }} trained numbers {{ one_bit }} are one bit wide when packed.
It takes raw pixels 0..255 as float {{ shape }}.

```python
import torch
import xnorkit as xk

model = xk.HubModel.from_pretrained("{{ repo_id }}")
xk.export(model, torch.zeros{{ shape }}, "{{ name }}.xnor.safetensors", input_dtype="u8")
```

| argument | value |
|---|---|
{% for key, value in arguments.items() %}| `{{ key }}` | `{{ value }}` |
{% endfor %}"""


class HubModel(nn.Module, PyTorchModelHubMixin, library_name="xnorkit", pipeline_tag="image-classification",
               tags=["binary-neural-network", "image-classification"], model_card_template=_CARD):  # fmt: skip
    """A network of the table that is saved to and loaded from the Hub, or a folder of the same files.

    Takes the arguments of ``create_model``; ``network`` is what that gives, ``config`` the arguments that rebuild it.

    ``save_pretrained(folder)``     writes model.safetensors, config.json and a card, README.md
    ``from_pretrained(name)``       a folder (needs no network) or a repository of the Hub; in evaluation mode;
                                    ``local_files_only=True`` takes what was downloaded before
    ``push_to_hub(repository)``     uploads the same
    ``HubModel.of(model)``          around a network of ``create_model`` that is trained already

    Raises CheckpointError where files are missing or of another network.

    >>> model = HubModel("lenet5", method="xnor")
    >>> model.config["method"], len(model.state_dict()) == len(create_model("lenet5", "xnor").state_dict())
    ('xnor', True)
    """

    def __init__(self, name: str, method: str | None = None, num_classes: int = 10, in_chans: int = 1,
                 **options: Any) -> None:  # fmt: skip
        super().__init__()
        self._take(create_model(name, method, num_classes, in_chans, **options))

    def _take(self, network: nn.Module) -> None:
        self.network = network
        self.config = dict(config_of(network))
        self._hub_mixin_config = self.config  # with the scheme and sizes that defaults stood for

    @classmethod
    def of(cls, model: nn.Module) -> HubModel:
        """The same weights, not copied. Raises RangeError for a module that ``create_model`` did not make: give a class
        of your own ``huggingface_hub.PyTorchModelHubMixin`` itself."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made._take(model)
        return made.train(model.training)

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (N, in_chans, H, W) -> scores (N, num_classes)."""
        scores: Tensor = self.network(x)
        return scores

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The README.md of the repository: what the network is, its arguments, how to load and pack it."""
        side = self.config["input_size"]
        shape = (1, self.config["in_chans"], side, side)
        counts = summary(self.network, shape[1:])
        about = MODELS[self.config["name"]].doc
        values = {"title": f"{self.config['name']}, {self.config['method']}", "about": about, "shape": shape,
                  "num_classes": self.config["num_classes"], "name": self.config["name"],
                  "parameters": f"{counts.params:,}", "one_bit": f"{counts.params_by_width.get(1, 0):,}",
                  "arguments": self.config, "repo_id": "user/" + self.config["name"]}  # fmt: skip
        return ModelCard.from_template(self._hub_mixin_info.model_card_data, template_str=_CARD, **{**values, **kwargs})

    def _save_pretrained(self, save_directory: Path) -> None:
        """Weights under their name when they are complete: an interrupted save leaves the earlier file."""
        with TemporaryDirectory(dir=save_directory, prefix=".saving-") as folder:
            super()._save_pretrained(Path(folder))
            os.replace(Path(folder) / WEIGHTS, save_directory / WEIGHTS)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> HubModel:
        """See the class. options: those of ``huggingface_hub``, e.g. ``revision``, ``local_files_only``."""
        source = Path(pretrained_model_name_or_path)
        missing = [name for name in (CONFIG, WEIGHTS) if source.is_dir() and not (source / name).is_file()]
        if missing:
            raise CheckpointError("HubModel", f"folder {source}", got=f"no {' and no '.join(missing)}",
                                  expected="what save_pretrained writes")  # fmt: skip
        try:
            made: HubModel = super().from_pretrained(pretrained_model_name_or_path, **{"strict": True, **options})
        except (HfHubHTTPError, LocalEntryNotFoundError) as error:
            raise CheckpointError("HubModel", "repository", got=str(pretrained_model_name_or_path),
                                  expected="a folder, or a repository of the Hub that can be reached",
                                  hint=str(error).splitlines()[0]) from error  # fmt: skip
        except (RuntimeError, ValueError, TypeError) as error:
            raise CheckpointError("HubModel", f"files of {pretrained_model_name_or_path}", got=str(error),
                                  expected="configuration and weights of one network") from error  # fmt: skip
        return made
