"""D²-Net: 11 equations, 14 exhibits, and the slips in its text."""

from medsyn_core.experiments.ledger.rows import Equation, Exhibit

EQUATIONS = (
    Equation(
        "d2-1",
        "Spatial modality contrastive loss",
        note="Sums 3 negatives of slice u; the text takes 48 from nearby slices and one positive 48 slices away, and "
        "so does the code: positives lie upwards or, where the stack ends, downwards; at its ends up to half of the "
        "negatives are missing. distance=0 compares the printed pairs. tau is not given; 0.07 is used, as in the "
        "public code. Modalities that are missing and slices without brain are not compared.",
        function="medsyn_core.losses.modality_contrast.modality_contrast",
        test="tests/losses/test_d2_equations.py::test_d2_1",
        status="changed because formula and text name different negatives: those of the text are used",
    ),
    Equation(
        "d2-2",
        "Fourier transform of the modality code",
        note="The transform runs over the numbers of a code, not over slices. In the public code it is computed "
        "on detached arrays: the frequency loss has no gradient at all. Here it has one.",
        function="medsyn_core.losses.modality_contrast.amplitude",
        test="tests/losses/test_d2_equations.py::test_d2_2",
        status="as printed",
    ),
    Equation(
        "d2-3",
        "Amplitude spectrum",
        note="R and I are called parts of the amplitude spectrum; they are those of the transform. The constant "
        "component holds 87 % of the norm of a random code whose numbers are never negative, as in the public "
        "code; the encoder here ends without a rectifier. N' is N, so that all but one or two numbers of a "
        "spectrum stand in it twice.",
        function="medsyn_core.losses.modality_contrast.amplitude",
        test="tests/losses/test_d2_equations.py::test_d2_3",
        status="as printed",
    ),
    Equation(
        "d2-4",
        "Frequency modality contrastive loss",
        note="The paper credits it with +8.6 Dice; see d2-2 for its gradient in the public code. Two amplitude spectra "
        "have no negative numbers, so that their cosine cannot fall below 0.",
        function="medsyn_core.methods.d2net_step.frequency_contrast",
        test="tests/losses/test_d2_equations.py::test_d2_4",
        status="changed because its partners are those of d2-1 as changed",
    ),
    Equation(
        "d2-5",
        "Spatial-frequency loss over modalities and slices",
        note="M G (G - 1) terms are divided by M G^2, so its level depends on G: of all pairs the printed sum is "
        "(G - 1) / G of the mean. Its two halves are two terms of weight 1 of the table, means over all anchors and "
        "positives of the batch.",
        function="medsyn_core.losses.modality_contrast.modality_contrast",
        test="tests/losses/test_d2_equations.py::test_d2_5",
        status="changed because most pairs are not drawn and some images are missing: a mean over those that are "
        "compared holds for any number of them",
    ),
    Equation(
        "d2-6",
        "Modality disentanglement loss",
        note="L_rec is printed as a norm and described as a mean square error; the public code takes L1 towards the "
        "complete images. Here it is the mean square over modalities that are there; L_SFMC are two more terms of the "
        "table.",
        function="medsyn_core.methods.d2net_step.reconstruction",
        test="tests/losses/test_d2_equations.py::test_d2_6",
        status="changed because formula and text name different distances: the mean square of the text is used",
    ),
    Equation(
        "d2-7",
        "Binary auxiliary loss of the tumour-region teacher",
        note="The minus sign of a cross-entropy is missing. The public code takes a sigmoid Dice and cross-entropy "
        "instead. A sum over classes of means over voxels. The step applies it to the teacher's last answer and "
        "to those of its auxiliary classifiers, whom nothing else would tell what a tumour is, and averages "
        "them.",
        function="medsyn_core.losses.segmentation.one_against_rest",
        test="tests/losses/test_d2_equations.py::test_d2_7",
        status="changed because without a minus sign it would be lowest where every answer is wrong; and voxels count "
        "by the rarity of what they are, as in d2-11",
    ),
    Equation(
        "d2-8",
        "Affinity between decoder layers",
        note="The axes of norm and pooling are open: here the cosine over channels at each voxel, pooled over the "
        "volume, for each class; with norms over whole maps it would be a cosine divided by the number of "
        "elements. How different numbers of channels are matched is not said: groups are averaged, or channels "
        "repeated. A negative affinity repels what it should distil. affinity_gradient=True lets gradients reach "
        "it, as the formula does.",
        function="medsyn_core.losses.dense_distillation.affinity",
        test="tests/losses/test_d2_equations.py::test_d2_8",
        status="changed because a negative weight would reward moving apart without end: it counts as 0; and "
        "affinities are detached, or layers could lower the loss by becoming strangers",
    ),
    Equation(
        "d2-9",
        "Dense feature- and logit-level distillation",
        note="A KL divergence between C concatenated binary maps and a softmax is no divergence: it can be "
        "negative (-0.32). The public code overwrites it by a squared error. Here it is that of two softmaxes over "
        "classes, teacher || student, a mean over voxels, in a term of its own, logit_distillation, weighted by each "
        "affinity's mean over classes. Gradients reach teacher and student, which learn from each other.",
        function="medsyn_core.methods.d2net_step.feature_distillation",
        test="tests/losses/test_d2_equations.py::test_d2_9",
        status="changed because the printed norm grows with a map's size: with mean squares all pairs of layers weigh "
        "alike; and the teacher's answers get a softmax, so that the KL is one",
    ),
    Equation(
        "d2-10",
        "Tumour disentanglement loss",
        note="The consistency term is printed on predictions; the public code takes logits. Here it compares "
        "probabilities, a sigmoid a class with a softmax over classes. The rest are terms of the table.",
        function="medsyn_core.methods.d2net_step.consistency",
        test="tests/losses/test_d2_equations.py::test_d2_10",
        status="changed because the printed norm grows with the volume: with a mean square lambda_2 fits any size",
    ),
    Equation(
        "d2-11",
        "Overall loss",
        note="The full model's average Dice is 61.7 in Table II and 62.0 in Tables III, IV, VI, VIII and IX. L_seg is "
        "named and not written down: a soft Dice of the three tumour classes, its sums over the whole batch, and "
        "a cross-entropy of all four. lambda_1 and lambda_2 are 1; the sum is the loss table's.",
        function="medsyn_core.methods.d2net.recipe",
        test="tests/losses/test_d2_equations.py::test_d2_11",
        status="changed because a cross-entropy in which all voxels count alike answers background for hundreds of "
        "steps: they count by the root of their class's rarity",
    ),
)

PAGE = "book/part3/d2net.ipynb"
EXHIBITS = (
    Exhibit("d2-T1", "Dice for the 15 subsets of modalities", PAGE),
    Exhibit("d2-T2", "Ablation of spatial, frequency, feature and logit losses", PAGE),
    Exhibit("d2-T3", "Numbers of positive and negative samples", PAGE),
    Exhibit("d2-T4", "Without the tumour-modality projection", PAGE),
    Exhibit("d2-T5", "Alternatives for disentanglement and distillation", PAGE),
    Exhibit("d2-T6", "Number of decoder layers in the distillation", PAGE),
    Exhibit("d2-T7", "HD95, ASSD, parameters, operations", PAGE),
    Exhibit("d2-T8", "Level at which the frequency loss acts", PAGE),
    Exhibit("d2-T9", "Student compressed to a half and a quarter", PAGE),
    Exhibit("d2-F1", "Which modality shows which region", PAGE),
    Exhibit("d2-F5", "Segmentations under four missing-modality cases", PAGE),
    Exhibit("d2-F6", "Modality codes: none, spatial, frequency, both", PAGE),
    Exhibit("d2-F7", "Tumour-specific features with and without the TD stage", PAGE),
    Exhibit("d2-F8", "Dice against the weight of each loss", PAGE),
)
