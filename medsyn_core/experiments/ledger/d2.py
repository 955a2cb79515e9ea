"""D2-Net: 11 equations, 14 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "d2-1",
        "Spatial modality contrastive loss",
        note="Sums 3 negatives of slice u; the text takes 48 from nearby slices.",
    ),
    Equation(
        "d2-2",
        "Fourier transform of the modality code",
        note="The transform runs over the numbers of a code, not over slices. In the public code it is computed "
        "on detached arrays: the frequency loss has no gradient at all.",
    ),
    Equation(
        "d2-3",
        "Amplitude spectrum",
        note="The constant component holds 87 % of the norm of a random code.",
    ),
    Equation(
        "d2-4",
        "Frequency modality contrastive loss",
        note="The paper credits it with +8.6 Dice; see d2-2 for its gradient in the public code.",
    ),
    Equation(
        "d2-5",
        "Spatial-frequency loss over modalities and slices",
        note="M G (G - 1) terms are divided by M G^2, so its level depends on G.",
    ),
    Equation(
        "d2-6",
        "Modality disentanglement loss",
        note="L_rec is printed as a norm and described as a mean square error; the public code takes L1.",
    ),
    Equation(
        "d2-7",
        "Binary auxiliary loss of the tumour-region teacher",
        note="The minus sign of a cross-entropy is missing. The public code takes a sigmoid Dice and "
        "cross-entropy instead.",
    ),
    Equation(
        "d2-8",
        "Affinity between decoder layers",
        note="The axes of norm and pooling are open; a negative affinity repels what it should distil.",
    ),
    Equation(
        "d2-9",
        "Dense feature- and logit-level distillation",
        note="A KL divergence between C concatenated binary maps and a softmax is no divergence: it can be "
        "negative (-0.32). The public code overwrites it by a squared error.",
    ),
    Equation(
        "d2-10",
        "Tumour disentanglement loss",
        note="The consistency term is printed on predictions; the public code takes logits.",
    ),
    Equation(
        "d2-11",
        "Overall loss",
        note="The full model's average Dice is 61.7 in Table II and 62.0 in Tables III, IV, VI, VIII and IX.",
    ),
)

EXHIBITS = (
    Exhibit("d2-T1", "Dice for the 15 subsets of modalities"),
    Exhibit("d2-T2", "Ablation of spatial, frequency, feature and logit losses"),
    Exhibit("d2-T3", "Numbers of positive and negative samples"),
    Exhibit("d2-T4", "Without the tumour-modality projection"),
    Exhibit("d2-T5", "Alternatives for disentanglement and distillation"),
    Exhibit("d2-T6", "Number of decoder layers in the distillation"),
    Exhibit("d2-T7", "HD95, ASSD, parameters, operations"),
    Exhibit("d2-T8", "Level at which the frequency loss acts"),
    Exhibit("d2-T9", "Student compressed to a half and a quarter"),
    Exhibit("d2-F1", "Which modality shows which region"),
    Exhibit("d2-F5", "Segmentations under four missing-modality cases"),
    Exhibit("d2-F6", "Modality codes: none, spatial, frequency, both"),
    Exhibit("d2-F7", "Tumour-specific features with and without the TD stage"),
    Exhibit("d2-F8", "Dice against the weight of each loss"),
)
