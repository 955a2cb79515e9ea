"""Critics that score a whole image. None of them normalises over the batch: a gradient penalty is per sample."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from medsyn_core.networks.blocks import check_divisible, contrast, keep_variance


class GlobalCritic(nn.Module):
    """The Dual-D paper's global discriminator: three stages of convolution, norm, ReLU and max pooling with width,
    2 and 4 times width filters, a convolution with 8 times width, and three fully connected layers. (B, C, H, W)
    -> (B, 1).

    size: (H, W) of its images: the fully connected layers fix it (34 M parameters at 128 x 128 and the paper's width
    32). Changed: the paper's batch normalisation lets one sample's score depend on the others, so that the penalty's
    gradient is no longer one sample's; each sample is normalised by itself instead (layer norm, as Gulrajani et al.
    recommend).
    """

    def __init__(self, inputs: int, size: tuple[int, int], width: int = 32):
        super().__init__()
        check_divisible(*size, 3)
        self.size = tuple(size)
        stages: list[nn.Module] = []
        for a, b in ((inputs, width), (width, 2 * width), (2 * width, 4 * width)):
            stages += [nn.Conv2d(a, b, 3, padding=1), nn.GroupNorm(1, b), nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*stages, nn.Conv2d(4 * width, 8 * width, 3, padding=1), nn.ReLU())
        flat = 8 * width * (size[0] // 8) * (size[1] // 8)
        self.head = nn.Sequential(
            nn.Linear(flat, 16 * width), nn.ReLU(), nn.Linear(16 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        if tuple(x.shape[-2:]) != self.size:
            raise ValueError(f"this critic was built for {self.size} images, not {tuple(x.shape[-2:])}")
        return self.head(self.features(x).flatten(1))  # (B, 8 width, H/8, W/8) -> (B, 1)


class PatchCritic(nn.Module):
    """UTAD-Net's critic: strided 4 x 4 convolutions, then one head that scores and one that names the modality.

    (B, 1, H, W) and code (B,) -> scores (B,) and logits (B, codes), each head's map averaged over its patches. width:
    channels after the first of `levels` halvings, doubled with each. No normalisation: the penalty's gradient is one
    sample's. Changed: the paper has one score for all modalities, which only asks whether an image looks like any of
    them; here each modality has a score of its own (Choi et al., 2020), and `code` says whose is wanted.
    """

    def __init__(self, width: int = 16, levels: int = 4, codes: int = 4):
        super().__init__()
        self.levels, self.codes = levels, codes
        widths = [1, *(width * 2**k for k in range(levels))]
        stages: list[nn.Module] = []
        for a, b in pairwise(widths):
            stages += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(0.01)]
        self.features = nn.Sequential(*stages)
        self.heads = nn.Conv2d(widths[-1], 2 * codes, 3, padding=1)  # the scores' filters first, then the modalities'
        keep_variance(self)

    def forward(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        check_divisible(*x.shape[-2:], self.levels)
        answers = self.heads(self.features(x)).mean(dim=(2, 3))  # (B, 2 codes, h, w) -> (B, 2 codes)
        scores, logits = answers.split(self.codes, dim=1)
        return scores.gather(1, code[:, None])[:, 0], logits


class ContrastCritic(PatchCritic):
    """A `PatchCritic` of brains, or of parts of them, on a background of exactly 0: it sees their `contrast`.

    The background has to be cut out of synthetic images too: what is faintly grey there looks like a dark brain.
    """

    def forward(self, x: Tensor, code: Tensor) -> tuple[Tensor, Tensor]:
        return super().forward(contrast(x), code)
