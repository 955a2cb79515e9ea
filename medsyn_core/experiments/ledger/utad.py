"""UTAD-Net: 13 equations, 5 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "utad-1",
        "Global critic: Wasserstein objective with gradient penalty",
        note="Written as what the critic maximises. The code holds its negative, as utad-11 asks for, in two terms: "
        "this one and global_penalty_term of weight lambda_gp = 1. A real image is scored as its own modality, a "
        "synthetic one and the points between both as the target. D_src is called a probability distribution but is "
        "an unbounded score. The public code penalises the gradient of the sum over a 2 x 2 score map, four times that "
        "of the mean score, with lambda_gp = 10 where the paper says 1; here it is the gradient of the mean score.",
        function="medsyn_core.methods.utad_step.global_critic_term",
        test="tests/losses/test_utad_equations.py::test_utad_1",
        status="changed because one score for all modalities only asks whether an image looks like any of them: each "
        "modality has its own",
    ),
    Equation(
        "utad-2",
        "Local critic: Wasserstein objective with gradient penalty",
        note="Written as what the critic maximises, held as two terms like utad-1 and with its scores; D_src is an "
        "unbounded score, not a probability. The public code shows blank images as real tumours wherever a slice has "
        "none. Here such slices weigh 0, in the penalty too; the mean still runs over the whole batch.",
        function="medsyn_core.methods.utad_step.local_critic_term",
        test="tests/losses/test_utad_equations.py::test_utad_2",
        status="changed because a blank image is no example of a tumour: slices without one weigh 0; scores by "
        "modality, as in utad-1",
    ),
    Equation(
        "utad-3",
        "Modality classification of real whole images",
        note="A cross-entropy with the source's label; it moves the global critic alone.",
        function="medsyn_core.methods.utad_step.global_classification_real_term",
        test="tests/losses/test_utad_equations.py::test_utad_3",
        status="as printed",
    ),
    Equation(
        "utad-4",
        "Modality classification of real tumour images",
        note="As utad-3, of the local critic; the mean runs over the whole batch.",
        function="medsyn_core.methods.utad_step.local_classification_real_term",
        test="tests/losses/test_utad_equations.py::test_utad_4",
        status="changed because a blank image has no modality: slices without tumour weigh 0",
    ),
    Equation(
        "utad-5",
        "Modality classification of synthetic whole images",
        note="A cross-entropy with the target's label; it moves the generator and never the critic that judges. In the "
        "public code targets are the batch's own labels, shuffled, so that about a third of the samples are asked for "
        "the modality they have.",
        function="medsyn_core.methods.utad_step.global_classification_term",
        test="tests/losses/test_utad_equations.py::test_utad_5",
        status="as printed",
    ),
    Equation(
        "utad-6",
        "Modality classification of synthetic tumour images",
        note="As utad-5, by the local critic; the mean runs over the whole batch.",
        function="medsyn_core.methods.utad_step.local_classification_term",
        test="tests/losses/test_utad_equations.py::test_utad_6",
        status="changed because the local critic learns nothing of blank images: slices without tumour weigh 0",
    ),
    Equation(
        "utad-7",
        "Sum of the two synthetic classification losses",
        note="Two terms of weight 1 of the table, which adds them up.",
        function="medsyn_core.training.table.LossTable.total",
        test="tests/losses/test_utad_equations.py::test_utad_7",
        status="as printed",
    ),
    Equation(
        "utad-8",
        "Local consistency of the local branch with the whole image",
        note="The prime changes its meaning: a crop of the whole image in the first term, the local branch's "
        "reconstruction in the second. The mask is that of the source's subject in both, and what the local branch "
        "answers is cut to it, a student's too. Where a student has no local decoder, the crop of the whole image "
        "stands in for what it would answer. The term weighs five times lambda_1: its mean runs over the whole image.",
        function="medsyn_core.losses.consistency.local_consistency",
        test="tests/losses/test_utad_equations.py::test_utad_8",
        status="changed because the printed norm is a sum: with a mean over elements its weight fits any resolution; "
        "outside the mask the local branch is asked for nothing",
    ),
    Equation(
        "utad-9",
        "Cycle reconstruction, L1",
        note="The way back goes through the same generator, with the translated image and the source's code.",
        function="medsyn_core.losses.consistency.cycle",
        test="tests/losses/test_utad_equations.py::test_utad_9",
        status="changed because the printed norm is a sum: with a mean over elements lambda_1 fits any resolution",
    ),
    Equation(
        "utad-10",
        "Distillation of fused features and translated image",
        note="The public code runs the teacher in evaluation mode but lets it build a graph. Here it is frozen and its "
        "tensors are detached. Features are fused at every level; the coarsest are compared. A student without a local "
        "encoder fuses nothing: its global encoder's last features are compared. One row of ours compares images "
        "inside the mask too (utad_step.tumour_distillation_term).",
        function="medsyn_core.losses.distillation.distillation",
        test="tests/losses/test_utad_equations.py::test_utad_10",
        status="changed because the printed norms are sums: with means over elements lambda_2 fits any resolution",
    ),
    Equation(
        "utad-11",
        "Total of each critic",
        note="Only consistent if utad-1 and utad-2 are what the critic maximises, hence the minus sign. The two "
        "critics share no weights, so that one total moves both.",
        function="medsyn_core.training.table.LossTable.total",
        test="tests/losses/test_utad_equations.py::test_utad_11",
        status="as printed",
    ),
    Equation(
        "utad-12",
        "Total of the teacher's generator",
        note="Gives the generator the whole L_adv: through an interpolate that is not detached it would be "
        "rewarded for a larger penalty. Only -E[D(synthetic)] belongs there, and only that is there. lambda_1 is 20 "
        "where the paper says 10: its images span 2 units, ours 1, and a difference between them is half as large; of "
        "L_local, a mean over a whole image of which few pixels are tumour, it is 100.",
        function="medsyn_core.training.table.LossTable.total",
        test="tests/losses/test_utad_equations.py::test_utad_12",
        status="changed because of L_adv only -E[D(synthetic)] is the generator's, images span 1 unit instead of 2, "
        "and L_local weighs five times as much",
    ),
    Equation(
        "utad-13",
        "Total of the student's generator",
        note="L_teacher is a form, evaluated on the student's outputs: masks are still needed in the student's "
        "training losses, though not at its input.",
        function="medsyn_core.training.table.LossTable.total",
        test="tests/losses/test_utad_equations.py::test_utad_13",
        status="changed because L_teacher in it is utad-12 as changed",
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
