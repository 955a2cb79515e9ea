"""UTAD-Net: 13 equations, 5 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "utad-1",
        "Global critic: Wasserstein objective with gradient penalty",
        note="Written as what the critic maximises. D_src is called a probability distribution but is an "
        "unbounded score. The public code penalises the gradient of the sum over a 2 x 2 score map, four "
        "times that of the mean score, with lambda_gp = 10 where the paper says 1.",
    ),
    Equation(
        "utad-2",
        "Local critic: Wasserstein objective with gradient penalty",
        note="Written as what the critic maximises; D_src is an unbounded score, not a probability. The public "
        "code shows blank images as real tumours wherever a slice has none.",
    ),
    Equation(
        "utad-3",
        "Modality classification of real whole images",
    ),
    Equation(
        "utad-4",
        "Modality classification of real tumour images",
    ),
    Equation(
        "utad-5",
        "Modality classification of synthetic whole images",
    ),
    Equation(
        "utad-6",
        "Modality classification of synthetic tumour images",
    ),
    Equation(
        "utad-7",
        "Sum of the two synthetic classification losses",
    ),
    Equation(
        "utad-8",
        "Local consistency of the local branch with the whole image",
        note="The prime changes its meaning: a crop of the whole image in the first term, the local branch's "
        "reconstruction in the second.",
    ),
    Equation(
        "utad-9",
        "Cycle reconstruction, L1",
    ),
    Equation(
        "utad-10",
        "Distillation of fused features and translated image",
        note="The public code runs the teacher in evaluation mode but lets it build a graph.",
    ),
    Equation(
        "utad-11",
        "Total of each critic",
        note="Only consistent if utad-1 and utad-2 are what the critic maximises, hence the minus sign.",
    ),
    Equation(
        "utad-12",
        "Total of the teacher's generator",
        note="Gives the generator the whole L_adv: through an interpolate that is not detached it would be "
        "rewarded for a larger penalty. Only -E[D(synthetic)] belongs there.",
    ),
    Equation(
        "utad-13",
        "Total of the student's generator",
        note="L_teacher is a form, evaluated on the student's outputs: masks are still needed in the student's "
        "training losses, though not at its input.",
    ),
)

PAGE = "book/part2/utad_net.ipynb"
EXHIBITS = (
    Exhibit("utad-T1", "Image quality of baselines, teachers, students and ablated masks", PAGE),
    Exhibit("utad-T2", "Downstream segmentation on completed modalities"),
    Exhibit("utad-T3", "Feature error of four student structures", PAGE),
    Exhibit("utad-F3", "Whole image, magnified tumour and error map, four directions", PAGE),
    Exhibit("utad-F5", "Feature error map over channels", PAGE),
)
