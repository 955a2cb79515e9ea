"""Adversarial losses: the Wasserstein critic with gradient penalty, and the dense discriminator.

Scores and logits are plain tensors of any shape; their first axis is the batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def wasserstein_critic(score_fake: Tensor, score_real: Tensor) -> Tensor:
    r"""$E[D(G(x))] - E[D(y)]$: what a Wasserstein critic minimises, without its penalty (the first part of
    dual-2)."""
    return score_fake.mean() - score_real.mean()


def gradient_penalty(gradient: Tensor, weight: Tensor | None = None) -> Tensor:
    r"""$E[(\lVert\nabla_{\hat x} D(\hat x)\rVert_2 - 1)^2]$, the second part of dual-2 (Gulrajani et al., 2017).

    gradient: (B, ...), of each sample's summed score with respect to that sample. The norm runs over everything
    but the batch: over the channel axis alone it would be another penalty. weight: (B,), 0 for samples that show
    nothing, None for all alike; the mean runs over the whole batch.
    """
    off = (gradient.flatten(1).norm(dim=1) - 1).square()  # (B,)
    return (off if weight is None else weight * off).mean()


def wasserstein_critic_gp(score_fake: Tensor, score_real: Tensor, gradient: Tensor, penalty: float = 10.0) -> Tensor:
    r"""The global critic's objective: $E[D(G(x))] - E[D(y)] + \lambda E[(\lVert\nabla D(\hat x)\rVert_2 - 1)^2]$
    (dual-2).

    score_fake, score_real: critic scores, (B, 1) or score maps; gradient: (B, C, H, W) at the interpolates;
    penalty: $\lambda$. A loss table holds the two parts as two terms, so that each has its own weight.
    """
    return wasserstein_critic(score_fake, score_real) + penalty * gradient_penalty(gradient)


def wasserstein_generator(score_fake: Tensor) -> Tensor:
    r"""$-E[D(G(x))]$: the generator's term against a Wasserstein critic (dual-3)."""
    return -score_fake.mean()


def interpolate(real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    r"""$\hat x = \epsilon\, y + (1 - \epsilon)\, G(x)$, a leaf that gradients can be taken at.

    real, fake: (B, C, H, W); mix: (B, 1, 1, 1), uniform on [0, 1], one draw a sample. A normal draw would leave the
    segment. Both images are detached: the penalty shapes the critic and must not reach the generator.
    """
    return (mix * real.detach() + (1 - mix) * fake.detach()).requires_grad_()  # fp32 even if G answered in bf16


def score_gradient(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Gradient of each image's summed score with respect to that image, (B, C, H, W), itself differentiable.

    images: (B, C, H, W), requiring gradients. It is per sample only if the critic mixes no samples (no batch norm).
    Mixed precision is left for this one: a norm of gradients, differentiated again, needs all of float32.
    """
    with torch.enable_grad(), torch.autocast(images.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient


def dense_discriminator(logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    r"""$L_{BCE}(D(y), 1) + L_{BCE}(D(G(x)), 0)$, each a mean over pixels (dual-4).

    logits_*: (B, 1, H, W), before the sigmoid. Changed: the paper sums over the image domain; a mean keeps weights
    comparable between resolutions.
    """
    real = F.binary_cross_entropy_with_logits(logits_real, torch.ones_like(logits_real))
    fake = F.binary_cross_entropy_with_logits(logits_fake, torch.zeros_like(logits_fake))
    return real + fake


def dense_generator(logits_fake: Tensor) -> Tensor:
    r"""$L_{BCE}(D(G(x)), 1)$, a mean over pixels: the generator's term against a dense discriminator (dual-5)."""
    return F.binary_cross_entropy_with_logits(logits_fake, torch.ones_like(logits_fake))


def confusion(logits: Tensor) -> Tensor:
    r"""$-E[\frac12\log D(z) + \frac12\log(1 - D(z))]$: smallest, $\log 2$, where the critic cannot tell (hifi-15).

    logits: any shape, before the sigmoid.
    """
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 0.5))
