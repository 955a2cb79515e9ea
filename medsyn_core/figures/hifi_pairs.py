"""What HiFi-Syn's three granularities pull together and push apart: the pairs that the losses compare, and what a few
steps on each loss do to the same toy.

The toy: two subjects, four pixels each, features of two numbers, so that directions can be drawn. The second subject
has no CSF.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from medsyn_core.figures import style
from medsyn_core.figures.hifi_memory import COLOURS
from medsyn_core.figures.picture import Picture
from medsyn_core.losses import contrastive
from medsyn_core.methods.hifi_syn import HEALTHY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRUCTURE = torch.tensor([[[1, 2], [2, 3]], [[2, 2], [3, 3]]])  # (2, h, w)
SUBJECT = torch.tensor([0, 1])
WHO = "AB"
KINDS = (1, 2, 3)  # CSF, GM, WM: the toy shows no background
WHOLE = style.PURPLE  # the colour of whole images
PULLED, PUSHED, APART = style.GREEN, "#F2B08A", "#ECEEF1"
TEMPERATURE, ALPHA = 0.2, 0.5


@dataclass(frozen=True)
class Toy:
    """Content of both images and of their translations, (2, 2, h, w) each: as `HiFiTrace.contents`."""

    content: Tensor
    translated: Tensor


def toy(seed: int = 0) -> Toy:
    """Directions at random in one half of the plane, translations somewhat turned."""
    angles = torch.rand(2, 2, 2, generator=torch.Generator().manual_seed(seed)) * torch.pi  # (2, h, w)
    turned = angles + 0.9 * torch.randn(2, 2, 2, generator=torch.Generator().manual_seed(seed + 1))
    at = lambda a: torch.stack([a.cos(), a.sin()], dim=1)  # (2, 2, h, w)
    return Toy(at(angles), at(turned))


@dataclass(frozen=True)
class Granularity:
    """What one loss compares. features: a toy -> (A, 2) twice, of images and of translations; pairs: positive and
    negative (A, 2 A); loss: of both features; names, colours, subjects: of the A things; there: (A,) bool."""

    title: str
    equation: str
    features: Callable[[Toy], tuple[Tensor, Tensor]]
    pairs: tuple[Tensor, Tensor]
    loss: Callable[[Tensor, Tensor], Tensor]
    names: tuple[str, ...]
    colours: tuple[str, ...]
    subjects: tuple[int, ...]
    there: Tensor


def _pixels(seen: Toy) -> tuple[Tensor, Tensor]:
    return tuple(z.flatten(2).transpose(1, 2).flatten(0, 1) for z in (seen.content, seen.translated))  # (8, 2)


def pixel() -> Granularity:
    """hifi-7: single pixels."""
    kind = STRUCTURE.flatten(1)  # (2, 4)
    images = lambda z: z.unflatten(0, kind.shape)
    loss = lambda a, b: contrastive.pixel_discrimination(images(a), images(b), SUBJECT, kind, TEMPERATURE)
    pairs = contrastive.pixel_pairs(SUBJECT, kind, kind.shape[1])
    who = SUBJECT.repeat_interleave(kind.shape[1])
    return _named("PGD: pixels", "hifi-7", _pixels, pairs, loss, kind.flatten(), who)


def structure() -> Granularity:
    """hifi-11, with hifi-8 to hifi-10: mean features of structures, weighted by how much each was deformed."""
    means = lambda z: contrastive.structure_means(z, STRUCTURE, len(HEALTHY))[0][:, KINDS].flatten(0, 1)  # (6, 2)
    features = lambda seen: (means(seen.content), means(seen.translated))
    there = contrastive.structure_means(torch.zeros(2, 2, 2, 2), STRUCTURE, len(HEALTHY))[1][:, KINDS]  # (2, 3)
    kind, who = torch.tensor(KINDS).repeat(2), SUBJECT.repeat_interleave(len(KINDS))

    def loss(a: Tensor, b: Tensor) -> Tensor:
        off = (a - b).abs().mean(dim=1).unflatten(0, there.shape)  # d_s of these means, (2, 3)
        weight = contrastive.rank_weights(off, there, ALPHA).flatten()
        return contrastive.region_discrimination(a, b, who, kind, there.flatten(), TEMPERATURE, weight)

    pairs = contrastive.group_pairs(who, kind, there.flatten())
    return _named("SGD: structures", "hifi-11", features, pairs, loss, kind, who, there.flatten())


def whole() -> Granularity:
    """hifi-12: mean features of whole images."""
    features = lambda seen: (seen.content.mean(dim=(2, 3)), seen.translated.mean(dim=(2, 3)))  # (2, 2)
    kind, there = torch.zeros(2, dtype=torch.long), torch.ones(2, dtype=torch.bool)
    alike = (SUBJECT, kind, there, TEMPERATURE, torch.ones(2))
    loss = lambda a, b: contrastive.region_discrimination(a, b, *alike)
    return _named("GGD: whole images", "hifi-12", features, contrastive.group_pairs(*alike[:3]), loss, kind, SUBJECT)


def _named(title, equation, features, pairs, loss, kind, who, there=None) -> Granularity:
    """With names and colours of what is compared; kind 0 is a whole image."""
    names = tuple(f"{WHO[a]}, {HEALTHY[k]}" if k else WHO[a] for a, k in zip(who.tolist(), kind.tolist(), strict=True))
    colours = tuple(COLOURS[HEALTHY[k]] if k else WHOLE for k in kind.tolist())
    there = torch.ones(len(names), dtype=torch.bool) if there is None else there
    return Granularity(title, equation, features, pairs, loss, names, colours, tuple(who.tolist()), there)


GRANULARITIES = (pixel, structure, whole)


def moved(what: Granularity, steps: int, rate: float = 0.05) -> list[tuple[np.ndarray, np.ndarray, float]]:
    """Unit vectors (A, 2) of images and of translations and the loss, before and after `steps` steps down its
    gradient."""
    both = [F.normalize(z, dim=1).requires_grad_() for z in what.features(toy())]
    seen = []
    for step in range(steps + 1):
        loss = what.loss(*both)
        if step in (0, steps):
            seen.append((*(z.detach().numpy().copy() for z in both), float(loss.detach())))
        slopes = torch.autograd.grad(loss, both)
        both = [F.normalize(z - rate * g, dim=1).detach().requires_grad_() for z, g in zip(both, slopes, strict=True)]
    return seen


@style.styled
def granularity(what: Granularity, steps: int = 200) -> Picture:
    """Left the pairs that the loss compares, right the toy's directions before and after steps on it.

    Raises ValueError where no step is asked for.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if steps < 1:
        raise ValueError(f"steps={steps}; give one at least, or nothing moves.")
    before, after = moved(what, steps)
    fig = style.figure(8.4, 3.3)
    matrix, *circles = fig.subplots(1, 3, width_ratios=(1.5, 1, 1))
    _matrix(matrix, what)
    for ax, (images, translations, loss), title in zip(circles, (before, after), (0, steps), strict=True):
        _circle(ax, what, images, translations)
        ax.set_title(f"after {title} steps: {loss:.2f}" if title else f"before: loss {loss:.2f}")
    grey = {"color": style.GREY, "linestyle": "none"}
    handles = [Patch(color=colour, label=name) for name, colour in _key().items()]
    handles += [Line2D([], [], marker="os"[k], label=f"subject {WHO[k]}", **grey) for k in sorted(set(what.subjects))]
    handles += [Line2D([], [], marker="o", markersize=10, markerfacecolor="none", label="translation", **grey)]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), handlelength=1, columnspacing=1)
    positive, negative = what.pairs
    mean = lambda where, seen: float(contrastive.cosine(*_stack(seen))[where].mean())
    numbers = [f"{mean(where, before):.2f} to {mean(where, after):.2f}" for where in (positive, negative)]
    return Picture(
        fig,
        alt=f"{what.title}, {what.equation}. A table of {len(positive)} anchors by {positive.shape[1]}: "
        f"{int(positive.sum())} pairs are pulled together, {int(negative.sum())} pushed apart, "
        f"{int((~positive & ~negative).sum())} not compared. Beside it directions on a circle before and after {steps} "
        f"steps: the mean cosine of pulled pairs goes from {numbers[0]}, of pushed pairs from {numbers[1]}",
        caption=f"{what.title} ({what.equation}) on a toy of two subjects with four pixels each; B has no CSF. Lines "
        "join an image's feature to that of its translation.",
    )


def _key() -> dict[str, str]:
    return {"pulled together": PULLED, "pushed apart": PUSHED, "not compared": APART}


def _stack(seen: tuple[np.ndarray, np.ndarray, float]) -> tuple[Tensor, Tensor]:
    images, translations = map(torch.from_numpy, seen[:2])
    return images, torch.cat([images, translations])


def _matrix(ax: Axes, what: Granularity) -> None:
    """Anchors in lines; images, then translations in columns."""
    from matplotlib.colors import ListedColormap

    positive, negative = what.pairs
    ax.imshow(positive + 2 * negative, cmap=ListedColormap([APART, PULLED, PUSHED]), vmin=0, vmax=2, aspect="auto")
    count = len(what.names)
    for k, (who, colour) in enumerate(zip(what.subjects, what.colours, strict=True)):
        place = {"transform": ax.get_yaxis_transform(), "clip_on": False, "linestyle": "none"}
        ax.plot(-0.035, k, "os"[who], color=colour, markersize=6, **place)
    ax.set_yticks(range(count), what.names)
    ax.tick_params(axis="y", pad=14)
    ax.set_xticks([(count - 1) / 2, count + (count - 1) / 2], ["images", "translations"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    ax.set_xlim(-0.5, 2 * count - 0.5)
    for k in range(1, count):
        ax.axhline(k - 0.5, color="white", linewidth=1)
    for k in range(1, 2 * count):
        ax.axvline(k - 0.5, color="white", linewidth=4 if k == count else 1)
    ax.set_title(what.title)


def _circle(ax: Axes, what: Granularity, images: np.ndarray, translations: np.ndarray) -> None:
    """Features of images as dots, of their translations as rings a little further out."""
    turn = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(turn), np.sin(turn), color="#D5DAE0", linewidth=1, zorder=1)
    for k in np.flatnonzero(what.there.numpy()):
        marker, colour = "os"[what.subjects[k]], what.colours[k]
        ax.plot(*np.stack([images[k], translations[k]]).T, color=colour, linewidth=1, alpha=0.6, zorder=2)
        ax.plot(*images[k], marker, color=colour, markersize=6, markeredgecolor="white", markeredgewidth=0.5, zorder=4)
        ax.plot(*translations[k], marker, color=colour, markersize=11, markerfacecolor="none", zorder=3)
    ax.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    ax.grid(False)
