"""Image by image, with its own division, and no gradient for the teacher by no_grad."""

import torch


def strength(x):
    x = x.double()
    return torch.einsum("chw,chw->hw", x, x)


def unit(x):
    length = (x**2).sum() ** 0.5 if x.any() else 1.0
    return x / length


def distil(features, teacher_features):
    if len(features) != len(teacher_features) or features[0, 0].shape != teacher_features[0, 0].shape:
        raise ValueError(f"{features.shape} does not fit {teacher_features.shape}")
    total = 0.0
    for student, teacher in zip(features, teacher_features, strict=True):
        with torch.no_grad():
            wanted = unit(strength(teacher))
        total = total + ((unit(strength(student)) - wanted) ** 2).sum()
    return total / len(features)
