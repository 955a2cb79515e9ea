"""HiFi-Syn: 17 equations, 13 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "hifi-1",
        "Affinity of a query to the memory keys",
        note="The sum of the softmax runs over N, the number of queries, where the slots number T. A cosine "
        "without temperature reads almost uniformly: the largest weight possible is 0.45 for T = 10, 0.17 "
        "for T = 38.",
    ),
    Equation(
        "hifi-2",
        "Cosine similarity of query and key",
    ),
    Equation(
        "hifi-3",
        "Memory read",
        note="The text gives no width of the values but B is T x C with C = 256.",
    ),
    Equation(
        "hifi-4",
        "Momentum update of the keys",
        note="alpha_p = 0.01 stands on the old item, so one update replaces 99 % of it, while the text says "
        "momentum prevents abrupt changes: the roles are probably swapped. The norm bars are a "
        "normalisation. n is left free in u^(n,t); two convex sums are added, so the news weighs 2 (1 - "
        "alpha_p). The text selects the nearest queries, the formula sums over all.",
    ),
    Equation(
        "hifi-5",
        "Momentum update of the values",
        note="As hifi-4; z^t stands for z^a. Values are updated with what was read from them. Normalising a "
        "value removes its scale.",
    ),
    Equation(
        "hifi-6",
        "Update weights, a softmax over queries",
        note="Sums to one over queries, so the mean weight is 3.4e-4 for 2916 queries. b_i stands for b_t. With "
        "all queries, no temperature and 0.99 on the old item the slots collapse onto one another.",
    ),
    Equation(
        "hifi-7",
        "Pixel-level granularity discrimination",
        note="Without the positives in the denominator the loss is unbounded below. Temperature, pairs and "
        "negatives are not given.",
    ),
    Equation(
        "hifi-8",
        "Structure-wise content",
    ),
    Equation(
        "hifi-9",
        "Deformation of a structure",
        note="Sums over the region, so ranks follow its area: sum and mean can rank exactly in reverse. The "
        "channel axis is never reduced.",
    ),
    Equation(
        "hifi-10",
        "Rank-based weight",
        note="Rank 0 has to be the largest deformation for larger deformations to weigh more.",
    ),
    Equation(
        "hifi-11",
        "Structure-level granularity discrimination",
        note="The weight stands only in the numerator: the gradient on the positive similarity is (p - w) / "
        "tau, so where p exceeds w the loss repels the positive. The set without s_i, read literally, "
        "drops the positives too.",
    ),
    Equation(
        "hifi-12",
        "Global-level granularity discrimination",
        note="Takes its positives from Omega_s, not Omega_g; the denominator must include them. Pooling is not given.",
    ),
    Equation(
        "hifi-13",
        "Cross-cycle reconstruction, L1",
    ),
    Equation(
        "hifi-14",
        "Self reconstruction, L1",
    ),
    Equation(
        "hifi-15",
        "Content adversarial loss",
        note="As printed the content discriminator's optimum is 1/2 whatever its input; it is the confusion "
        "form of DRIT.",
    ),
    Equation(
        "hifi-16",
        "Domain adversarial loss",
        note="Two closing brackets are missing or misplaced.",
    ),
    Equation(
        "hifi-17",
        "Total",
        note="Leaves out the KL and latent terms of DRIT++, whose weights it cites.",
    ),
)

EXHIBITS = (
    Exhibit("hifi-T1", "Healthy pairs, both directions: PSNR, SSIM, Wilcoxon p"),
    Exhibit("hifi-T2", "Tumour cohort, six directions"),
    Exhibit("hifi-T3", "Tissue segmentation of synthetic T1: Dice, volumetric similarity"),
    Exhibit("hifi-T4", "Synthetic images as augmentation of a segmentation network"),
    Exhibit("hifi-T5", "Ablation of the three granularities, the map and the bank"),
    Exhibit("hifi-T6", "Annotation maps injected into other methods"),
    Exhibit("hifi-F3", "Memory-item setting: structure-wise and global items"),
    Exhibit("hifi-F4", "Translations with error maps, healthy"),
    Exhibit("hifi-F5", "Translations with error maps, tumour"),
    Exhibit("hifi-F6", "Expert study as a rating exercise"),
    Exhibit("hifi-F7", "Downstream segmentations of synthetic images"),
    Exhibit("hifi-F8", "Affinity of queries to memory items, with and without PGD"),
    Exhibit("hifi-F9", "Query features by structure, with and without PGD"),
)
