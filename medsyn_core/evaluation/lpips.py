"""LPIPS (Zhang et al., CVPR 2018): how far two images lie apart in the features of a trained AlexNet.

Two files of weights are needed and none comes with the package:

- the backbone: torchvision's AlexNet, https://download.pytorch.org/models/alexnet-owt-7be5be79.pth;
- the heads: `lpips/weights/v0.1/alex.pth` of https://github.com/richzhang/PerceptualSimilarity. Version 0.0 will not
  do: it was fitted to images that were not standardised.

Both were fitted to photographs, never to MRI: read LPIPS beside the other scores. torchvision itself is not needed.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

LEAST = 31  # pixels: from here on the second max pool, and so the last three convolutions, has a pixel to look at
SHIFT = (-0.030, -0.088, -0.188)  # mean and ...
SCALE = (0.458, 0.448, 0.450)  # ... standard deviation of ImageNet's red, green, blue, mapped to [-1, 1]
EPSILON = 1e-10  # a position without any feature keeps length 0
VARIABLES = ("MEDSYN_LPIPS_BACKBONE", "MEDSYN_LPIPS_HEADS")
BACKBONE = "the backbone is torchvision's alexnet-owt-7be5be79.pth"
HEADS = "the heads are lpips/weights/v0.1/alex.pth of richzhang/PerceptualSimilarity"


class Lpips(nn.Module):
    """d(a, b) = Σ_l 1/(H_l W_l) Σ_hw Σ_c w_lc (â_lchw − b̂_lchw)², summed over the five ReLU outputs l of AlexNet.

    â, b̂: features divided by their length over channels; w >= 0: the heads, the squares of the paper's w in its Eq. 1.
    0 for equal images; larger is further apart. The weights take no gradient, the images do.
    """

    def __init__(self, backbone: dict[str, Tensor], heads: list[Tensor], data_range: float = 1.0):
        """backbone: torchvision's `features.*` tensors; heads: five (1, C, 1, 1). See `from_files`."""
        super().__init__()
        if not data_range > 0:
            raise ValueError(f"data_range={data_range} must be positive: the span of intensities of the images.")
        self.data_range = data_range
        self.features = _alexnet()
        self.load_state_dict(backbone, assign=True)
        self.heads = nn.ParameterList(heads)
        self.eval().requires_grad_(False)

    @classmethod
    def from_files(cls, backbone: str | Path, heads: str | Path, data_range: float = 1.0) -> Lpips:
        """The scorer with the weights of two files, on the CPU; images will come in [0, data_range].

        A file ending in .safetensors is read as such, any other as a state dict of `torch.save`, without running its
        code; tensors it holds besides (AlexNet's classifier) are ignored. Raises FileNotFoundError for a missing
        file, ValueError for one that holds no state dict, lacks a tensor, or has one of another shape.
        """
        trunk = {f"features.{key}": tuple(tensor.shape) for key, tensor in _alexnet().state_dict().items()}
        widths = [shape[0] for key, shape in trunk.items() if key.endswith("bias")]
        tops = {f"lin{level}.model.1.weight": (1, width, 1, 1) for level, width in enumerate(widths)}
        weights = _read(Path(backbone), trunk, BACKBONE)
        return cls(weights, list(_read(Path(heads), tops, HEADS).values()), data_range)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """a, b: (N, 1, H, W) grey images in [0, data_range], H and W at least 31 -> (N,) distances.

        Values outside are not clipped, as in this package's other scores: an overshoot counts, and keeps its
        gradient. Computed in the precision of the weights. Raises ValueError for any other shape.
        """
        if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 1:
            raise ValueError(f"LPIPS got {tuple(a.shape)} and {tuple(b.shape)}; both must be (N, 1, H, W), and agree.")
        if min(a.shape[2:]) < LEAST:
            raise ValueError(
                f"LPIPS needs images of at least {LEAST} x {LEAST} pixels, got {tuple(a.shape[2:])}: AlexNet shrinks "
                "smaller ones to nothing; prepare the cohort with a larger px."
            )
        levels = zip(self.heads, self._directions(a), self._directions(b), strict=True)
        return sum((head * (x - y) ** 2).sum(1).mean((1, 2)) for head, x, y in levels)  # (N, C, h, w) -> (N,)

    def _directions(self, images: Tensor) -> list[Tensor]:
        """The five ReLU outputs (N, C, h, w), each position divided by its length over channels."""
        x = images.to(self.heads[0].dtype) * (2 / self.data_range) - 1  # the networks' photographs lay in [-1, 1]
        x = (x - x.new_tensor(SHIFT).view(3, 1, 1)) / x.new_tensor(SCALE).view(3, 1, 1)  # (N, 1, H, W) -> (N, 3, H, W)
        outputs = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                outputs.append(x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPSILON))
        return outputs


def lpips_files() -> tuple[Path, Path] | None:
    """(backbone, heads) from $MEDSYN_LPIPS_BACKBONE and $MEDSYN_LPIPS_HEADS; None where neither is set.

    Raises ValueError if only one is set, FileNotFoundError if one names no file.
    """
    given = {name: os.environ.get(name) for name in VARIABLES}
    if not any(given.values()):
        return None
    for name, value in given.items():
        if not value:
            other = next(n for n in VARIABLES if n != name)
            raise ValueError(f"${other} is set, ${name} is not; LPIPS needs both files: {BACKBONE}, {HEADS}.")
        if not Path(value).expanduser().is_file():
            raise FileNotFoundError(f"${name} names {value}, which is no file; correct it, or unset both variables.")
    backbone, heads = (Path(value).expanduser() for value in given.values())
    return backbone, heads


def subject_lpips(
    predicted: np.ndarray, target: np.ndarray, subject: np.ndarray, scorer: Lpips, batch: int = 64
) -> dict[int, float]:
    """Mean LPIPS over the slices of each subject, in order of first appearance.

    predicted, target: (N, H, W) in [0, scorer.data_range]; subject: (N,) whose slice it is; batch: how many slices lie
    on the scorer's device at once. Raises ValueError for shapes that disagree, values that are not finite, and as the
    scorer does.
    """
    predicted, target, subject = np.asarray(predicted), np.asarray(target), np.asarray(subject)
    if predicted.ndim != 3 or not len(predicted):
        raise ValueError(f"predicted has shape {predicted.shape}; it must be (N, H, W) with N >= 1.")
    if target.shape != predicted.shape:
        raise ValueError(f"target has shape {target.shape}, predicted has {predicted.shape}; they must agree.")
    if subject.shape != predicted.shape[:1]:
        raise ValueError(f"subject has shape {subject.shape}; it must be ({len(predicted)},), one number a slice.")
    if batch < 1:
        raise ValueError(f"batch={batch} must be at least 1 slice.")
    for name, stack in (("predicted", predicted), ("target", target)):
        if not np.isfinite(stack).all():
            raise ValueError(f"{name} has values that are not finite; look at the network's output or the cohort.")
    device = scorer.heads[0].device
    scores = []
    with torch.no_grad():  # a score, not a loss
        for start in range(0, len(predicted), batch):
            chunk = (np.ascontiguousarray(x[start : start + batch], np.float32) for x in (predicted, target))
            pair = (torch.from_numpy(x)[:, None].to(device) for x in chunk)  # (n, H, W) -> (n, 1, H, W)
            scores.append(scorer(*pair).double().cpu().numpy())
    values = np.concatenate(scores)  # (N,)
    return {int(number): float(values[subject == number].mean()) for number in dict.fromkeys(subject.tolist())}


def with_lpips(rows: list[dict], predicted: np.ndarray, target: np.ndarray, subject: np.ndarray) -> list[dict]:
    """Rows of `translation_metrics`, each with its subject's "lpips" where the user has named the weights' files, else
    as they are. predicted, target: (N, H, W), subject: (N,), as the rows were made from."""
    files = lpips_files()
    if files is None:
        return rows
    found = subject_lpips(predicted, target, subject, Lpips.from_files(*files))
    return [row | {"lpips": found[row["subject"]]} for row in rows]


def _alexnet() -> nn.Sequential:
    """AlexNet's layers up to its fifth ReLU, numbered as torchvision numbers them, still without weights."""
    with torch.device("meta"):  # neither memory nor a draw from the random stream of whoever trains
        return nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
        )


def _read(path: Path, wanted: dict[str, tuple[int, ...]], hint: str) -> dict[str, Tensor]:
    """The wanted tensors of a file, in float32 and in the order of `wanted`, their shapes checked."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; {hint}.")
    try:
        if path.suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # which one, depends on the first bytes: a text file may end in a KeyError
        raise ValueError(f"{path} cannot be read as a state dict ({type(error).__name__}); {hint}.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds a {type(found).__name__}, no state dict; {hint}.")
    for key, shape in wanted.items():
        if not isinstance(found.get(key), Tensor):
            names = ", ".join(map(str, list(found)[:3]))
            raise ValueError(
                f"{path} has no tensor {key} of shape {shape}, it begins with {names or 'nothing'}; {hint}."
            )
        if tuple(found[key].shape) != shape:
            raise ValueError(f"{path}: {key} has shape {tuple(found[key].shape)}, expected {shape}; {hint}.")
    return {key: found[key].float() for key in wanted}
